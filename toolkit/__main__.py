"""``python -m toolkit``."""

import atexit
import os
import sys
from typing import NoReturn

from toolkit.cli import main


def run() -> NoReturn:
    """Run the command line and leave at once: taking torch and timm apart would cost Python a second or two more."""
    # beside other programs threads that spin while they wait for each other take two to four times as long
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    status = 0
    try:
        main()
    except SystemExit as ended:
        status = int(ended.code or 0)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # nobody reads it, or the disk is full
            status = status or 1
    os._exit(status)


if __name__ == "__main__":
    run()
