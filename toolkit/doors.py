"""Where files from outside come in: within limits, and with the types one expects. Behind it nobody asks again."""

import gzip
import io
import json
import os
import re
import stat
import sys
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from toolkit.errors import ToolkitError

MOST_BYTES = 50_000_000  # of a record; the longest comparison's has 1 % of that
MOST_ENTRIES = 10_000  # of an archive
OUTWARD = re.compile(r"^[/\\]|^.:|(^|[/\\])\.\.([/\\]|$)")  # names of places outside an archive
WITHOUT_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)  # for who writes into a pipe

SILENCE = threading.RLock()  # there is one standard error, which two at once would not give back


def read_file(path: str | Path, most: int = MOST_BYTES) -> bytes:
    """What a regular file holds; a ``ToolkitError`` for a folder, pipe or device, and above ``most`` bytes."""
    return bytes(_read(path, most))


def _read(path: str | Path, most: int) -> bytearray:
    try:
        handle = os.open(path, os.O_RDONLY | WITHOUT_WAITING)
        try:  # without a file object, which costs as much as reading a small image
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise ToolkitError(f"{path} is no regular file. Choose a file.")
            content = _gather(partial(os.read, handle), most)
        finally:
            os.close(handle)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ToolkitError(f"{path} cannot be read: {reason}. Check its name and permissions.") from error
    if len(content) > most:
        raise ToolkitError(f"{path} is larger than {most / 1e6:g} MB. Choose another file.")
    return content


def _gather(read: Callable[[int], bytes], most: int) -> bytearray:
    content = bytearray()
    while len(content) <= most and (piece := read(1 << 16)):
        content += piece
    return content


def read_unpacked(path: Path, most: int) -> bytearray:
    """The same, unpacked where the name ends in .gz; ``most`` counts what is unpacked. Arrays may live in it."""
    if path.suffix != ".gz":
        return _read(path, most)
    try:
        with gzip.open(io.BytesIO(read_file(path, most))) as stream:
            content = _gather(stream.read, most)
    except (OSError, EOFError, zlib.error) as error:
        raise ToolkitError(f"{path} cannot be read: {error}. Fetch it again.") from error
    if len(content) > most:
        raise ToolkitError(f"{path} unpacks to more than {most / 1e6:g} MB. Take a part of it.")
    return content


def read_archive(path: Path, suffix: str, most: int) -> dict[str, bytes]:
    """The files of a .zip whose names end in ``suffix``, by name; ``most`` counts all of them unpacked.

    No name leads out of a folder, and none is a link. Raises ``ToolkitError`` for all else.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(read_file(path, most))) as archive:
            entries = sorted(archive.infolist(), key=lambda entry: entry.filename)
            chosen = [entry for entry in entries if entry.filename.endswith(suffix)]
            # no entry unpacks to more than it says: zipfile stops there
            if sum(entry.file_size for entry in chosen) > most or len(chosen) > MOST_ENTRIES:
                raise ToolkitError(
                    f"{path} unpacks to more than {most / 1e6:g} MB or {MOST_ENTRIES:,} files. Take a part."
                )
            for entry in chosen:
                if stat.S_ISLNK(entry.external_attr >> 16) or OUTWARD.search(entry.filename):
                    raise ToolkitError(f"{path} holds {entry.filename}, which leads out of it. Pack it anew.")
            return {entry.filename: archive.read(entry) for entry in chosen}
    except ToolkitError:
        raise
    except Exception as error:  # each way of packing has errors of its own: zlib's, bz2's, lzma's, struct's, ...
        raise ToolkitError(f"{path} cannot be read: {error}. Pack it again.") from error


@contextmanager
def silenced() -> Iterator[None]:
    """What C libraries print by themselves about damaged files goes nowhere: the error that follows says it."""
    with SILENCE:
        sys.stderr.flush()
        before = os.dup(2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(before, 2)
            os.close(before)
            os.close(nowhere)


def read_json(path: Path, kind: Any = dict[str, Any]) -> Any:
    """A JSON file as ``kind``, a type, dataclass or ``TypedDict``; a ``ToolkitError`` where it is none."""
    from pydantic import TypeAdapter, ValidationError  # 0.1 s to import

    try:
        return TypeAdapter(kind).validate_python(json.loads(read_file(path)))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "all of it"
        raise ToolkitError(f"{path} is not what it should be: {where}: {first['msg']}. Make it again.") from error
    except (ValueError, RecursionError) as error:
        raise ToolkitError(f"{path} is no readable JSON: {error}. Make it again.") from error
