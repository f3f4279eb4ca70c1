"""Writers: their signs as strokes that can be drawn with any pen and at any size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from toolkit.errors import ToolkitError

EDGE = 105  # of 255, a little below the middle: strokes that the source has nearly lost hold together
SMOOTH = 2.5  # standard deviation, glyph pixels


@dataclass(frozen=True)
class Stroke:
    """A glyph as distances, in its pixels, so that it can be drawn with any pen and at any size."""

    depth: np.ndarray  # from the ink's edge, positive inside
    spine: np.ndarray  # from the middle of the strokes
    usual: float  # half width of the writer's strokes
    size: int  # longer side of the ink


def strokes_of(rows: Sequence[Sequence[str]], glyphs: Mapping[str, Sequence[np.ndarray]]) -> list[Stroke]:
    """One stroke for every digit of the rows, in reading order."""
    used: dict[str, int] = {}
    images = []
    for label in (name for row in rows for name in row):
        count = used.get(label, 0)
        images.append(glyphs[label][count % len(glyphs[label])])
        used[label] = count + 1
    inked = [np.pad(image, 24) > EDGE for image in images]
    if not all(ink.any() for ink in inked):
        raise ToolkitError("A glyph is empty. Expected ink, bright on black.")
    inside = [_distance(ink) for ink in inked]
    spines = [thin(ink) for ink in inked]
    usual = float(np.median(np.concatenate([depth[spine] for depth, spine in zip(inside, spines, strict=True)])))
    strokes = []
    for ink, depth, spine in zip(inked, inside, spines, strict=True):
        to_spine = _distance(~spine)
        size = max(cv2.boundingRect(ink.astype(np.uint8))[2:])
        # a hand draws smooth lines; blurring lifts the valley along a line by sqrt(2 / pi) standard deviations
        smooth = cv2.GaussianBlur(to_spine, (0, 0), SMOOTH)
        to_spine = np.sqrt(np.maximum(0, smooth**2 - 2 / np.pi * SMOOTH**2))
        strokes.append(Stroke(depth - _distance(~ink), to_spine, usual, size))
    return strokes


def _distance(mask: np.ndarray) -> np.ndarray:
    return cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)


def thin(ink: np.ndarray) -> np.ndarray:
    """The middle of the strokes, one pixel wide, bool like ``ink``."""
    return np.frombuffer(_thinned(ink.tobytes(), ink.shape), bool).reshape(ink.shape)


@lru_cache(maxsize=2000)  # a writer's digits are thinned once, however many photos are taken of them
def _thinned(ink: bytes, shape: tuple[int, ...]) -> bytes:
    """Zhang and Suen, "A fast parallel algorithm for thinning digital patterns", 1984."""
    mask = np.frombuffer(ink, np.uint8).reshape(shape).copy()
    left = True
    while left:
        left = False
        for removable in _REMOVABLE:
            neighbours = cv2.filter2D(mask, -1, _NEIGHBOURS, borderType=cv2.BORDER_CONSTANT)
            remove = mask & removable[neighbours]
            mask ^= remove
            left = left or bool(remove.any())
    return mask.tobytes()


def _removable_patterns() -> tuple[np.ndarray, np.ndarray]:
    """For each of Zhang and Suen's two passes, which of the 256 neighbourhoods let a pixel go."""
    around = (np.arange(256)[:, None] >> np.arange(8)) & 1  # clockwise from the north
    count = around.sum(axis=1)
    steps = ((around == 0) & (np.roll(around, -1, axis=1) == 1)).sum(axis=1)
    thinnable = (count >= 2) & (count <= 6) & (steps == 1)
    north, east, south, west = around[:, 0], around[:, 2], around[:, 4], around[:, 6]
    first = thinnable & (north * east * south == 0) & (east * south * west == 0)
    second = thinnable & (north * east * west == 0) & (north * south * west == 0)
    return first.astype(np.uint8), second.astype(np.uint8)


_NEIGHBOURS = np.array([[128, 1, 2], [64, 0, 4], [32, 16, 8]], np.float32)  # the bit of each neighbour
_REMOVABLE = _removable_patterns()
