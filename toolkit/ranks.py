"""Which of several processes this is, where torchrun started them to train one network together."""

import os
import signal
import sys
import threading
import time
from datetime import timedelta
from typing import NoReturn


def world_size() -> int:
    """How many processes train together: 1 without torchrun's environment."""
    return int(os.environ.get("WORLD_SIZE", 1))


def rank() -> int:
    """This one's number, from 0; the first alone writes and prints."""
    return int(os.environ.get("RANK", 0)) if world_size() > 1 else 0


def end_rank(line: str, status: int) -> NoReturn:
    """End at once, and say ``line`` unless another rank has said why all of them end: what ends one ends the others."""
    for number in (signal.SIGTERM, signal.SIGINT):  # torchrun sends them to those that are left
        signal.signal(number, signal.SIG_IGN)
    try:
        from torch.distributed import TCPStore  # type: ignore[attr-defined]

        place = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        store = TCPStore(*place, wait_for_workers=False, timeout=timedelta(seconds=2))
        first = store.add("toolkit/said", 1) == 1
    except Exception:  # the store is gone: better said twice than not at all
        first = True
    if first:
        print(line, file=sys.stderr, flush=True)
    sys.stdout.flush()
    os._exit(status)


def end_though_waiting() -> None:
    """From now on a signal ends this process within 4 s: Python's handlers are not called while torch waits."""
    told, telling = os.pipe()
    os.set_blocking(telling, False)
    signal.set_wakeup_fd(telling)

    def end() -> None:
        os.read(told, 1)
        time.sleep(4)
        os._exit(1)

    threading.Thread(target=end, daemon=True).start()
