"""Where things lie, and how files are written so that none is ever half there."""

import hashlib
import os
import platform
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from toolkit.errors import ToolkitError

ROOT = Path(__file__).resolve().parents[1]
RECIPES = ROOT / "recipes"
CHECKPOINTS = ROOT / "checkpoints"
STATE = "state"  # in a run's folder: that of its unfinished training


def cache_folder() -> Path:
    """Downloads live outside the repository, where every clone finds them.

    ``TOOLKIT_CACHE`` overrides the place, ``XDG_CACHE_HOME`` its parent.
    """
    if chosen := os.environ.get("TOOLKIT_CACHE"):
        return Path(chosen).expanduser().absolute()
    parent = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(parent).absolute() / "digit-toolkit"


def runs_folder() -> Path:
    """Where runs leave what they made: ``runs/`` in the repository, unless ``TOOLKIT_RUNS`` says otherwise."""
    return Path(os.environ.get("TOOLKIT_RUNS") or ROOT / "runs").expanduser().absolute()


def make_folder(folder: Path) -> Path:
    """Create ``folder`` and its parents; a ``ToolkitError`` where that is not allowed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ToolkitError(
            f"Cannot create the folder {folder}: {error.strerror}. Choose another place or change its permissions."
        ) from error
    return folder


def source_sha256(*files: Path) -> str:
    """The sha256 of what decides how a training ends: three rooms of the toolkit, and ``files``."""
    rooms = [path for room in ("data", "models", "training") for path in sorted((ROOT / "toolkit" / room).glob("*.py"))]
    existing = [path for path in (*rooms, *files) if path.is_file()]
    return hashlib.sha256(b"".join(path.read_bytes() for path in existing)).hexdigest()


def sha256_of(path: Path) -> str:
    """A file's fingerprint; a ``ToolkitError`` where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ToolkitError(f"{path} cannot be read: {error.strerror}. Make it again.") from error


HOST = "".join(letter for letter in platform.node() if letter.isascii() and letter.isalnum())[:20]


def sweep(folder: Path, below: str = "**/") -> None:
    """Remove the temporary files in ``folder``, and ``below``, that processes of this machine left which are gone."""
    for path in left_behind(folder, f"{below}."):
        path.unlink(missing_ok=True)


def left_behind(folder: Path, before: str = "") -> Iterator[Path]:
    """What lies in ``folder`` under an ``own_name``, with ``before`` in front, of a process that is gone."""
    for path in folder.glob(f"{before}{HOST}-*-*"):
        process = path.name.split("-")[1]
        if process.isdigit() and not is_alive(int(process)):
            yield path


def own_name() -> str:
    """A new name that tells this process from all others, of other machines too."""
    return f"{HOST}-{os.getpid()}-{secrets.token_hex(8)}"


def is_alive(process: int) -> bool:
    """Whether a process of this machine has this number."""
    import psutil

    return psutil.pid_exists(process)


@contextmanager
def locked(path: Path, wait: bool = False) -> Iterator[bool]:
    """Whether nobody else holds this lock, which dies with its process; afterwards its file is gone.

    With ``wait`` that is so at last.
    """
    import filelock

    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except filelock.Timeout:
        yield False
        return
    try:
        yield True
    finally:
        with suppress(OSError):
            path.unlink()
        lock.release()


def write_file(path: Path, content: bytes | bytearray | str) -> Path:
    """Write a whole file as ``atomic_write`` does, text as UTF-8, and return ``path``."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def sync(path: Path) -> None:
    """Have the file or folder on disk before what follows: a rename may else survive a power cut that its file did not.

    Where the system cannot sync a folder, nothing happens.
    """
    with suppress(PermissionError):  # Windows opens no folders
        handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)  # nor syncs what one may only read
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def temporary_path(path: Path) -> Path:
    """A hidden, unused name beside ``path``; ``sweep`` removes what a process that was killed left under it."""
    return path.parent / f".{own_name()}{path.suffix}"


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; it takes the final name only if the block succeeds."""
    make_folder(path.parent)
    temporary = temporary_path(path)
    try:
        temporary.touch(exist_ok=False)
        try:
            yield temporary
            sync(temporary)
            temporary.replace(path)
            sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ToolkitError(
            f"Cannot write {path}: {error.strerror or error}. Choose another place or free some space."
        ) from error
