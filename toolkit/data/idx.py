"""MNIST's file format: arrays of unsigned bytes behind a header of sizes, plain or .gz.

http://yann.lecun.com/exdb/mnist describes it: two zeros, type 8, rank, then big-endian sizes.
"""

import math

import numpy as np

from toolkit.errors import ToolkitError

LARGEST = 2_000_000_000  # bytes unpacked: two million images


def parse_idx(content: bytes, origin: str) -> np.ndarray:
    """The array, uint8 and writable, in an IDX file from ``origin``; a ``ToolkitError`` where it is none."""
    rank = content[3] if content[:3] == b"\0\0\x08" and len(content) > 3 else 0
    begin = 4 + 4 * rank
    shape = [int(size) for size in np.frombuffer(content[4:begin], ">u4")] if len(content) >= begin else []
    if not 1 <= rank <= 3 or math.prod(shape) != len(content) - begin:
        raise ToolkitError(f"{origin} is no IDX file of bytes, or not all of it. Fetch it again.")
    return np.frombuffer(content, np.uint8, offset=begin).reshape(shape).copy()
