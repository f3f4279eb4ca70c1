"""MNIST's file format: arrays of unsigned bytes behind a header of sizes, plain or .gz.

http://yann.lecun.com/exdb/mnist describes it: two zeros, type 8, rank, then big-endian sizes.
"""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from toolkit.errors import ToolkitError

LARGEST = 2_000_000_000  # bytes unpacked: two million images


def read_bytes(path: Path) -> bytes:
    """A file's content, unpacked if it ends in .gz; a ``ToolkitError`` where it cannot be read."""
    try:
        if path.suffix != ".gz":
            return path.read_bytes()
        with gzip.open(path) as stream:
            content = stream.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ToolkitError(f"{path} cannot be read: {error}. Delete it and fetch it again.") from error
    if len(content) > LARGEST:
        raise ToolkitError(f"{path} unpacks to more than {LARGEST / 1e9:g} GB. Take a part of it.")
    return content


def parse_idx(content: bytes, origin: str) -> np.ndarray:
    """The array, uint8 and writable, in an IDX file from ``origin``; a ``ToolkitError`` where it is none."""
    rank = content[3] if content[:3] == b"\0\0\x08" and len(content) > 3 else 0
    begin = 4 + 4 * rank
    shape = [int(size) for size in np.frombuffer(content[4:begin], ">u4")] if len(content) >= begin else []
    if not 1 <= rank <= 3 or math.prod(shape) != len(content) - begin:
        raise ToolkitError(f"{origin} is no IDX file of bytes, or not all of it. Fetch it again.")
    return np.frombuffer(content, np.uint8, offset=begin).reshape(shape).copy()
