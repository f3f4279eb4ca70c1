"""Pens, and the ink they leave on the flat sheet."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from benchmarks.simulate.camera import View
from benchmarks.simulate.paper import Colour, Place
from benchmarks.simulate.writers import SMOOTH, Stroke


@dataclass(frozen=True)
class Pen:
    """What the digits are written with."""

    darkness: float = 0.85  # share of the paper's light that full ink covers, 0..1
    colour: Colour = (20, 22, 40)  # RGB
    width: float = 0.6  # mm
    pressure: float = 0.15  # how much strokes pale and thin, along a digit and from digit to digit, 0..1
    grain: float = 0.05  # how much of the paper's tooth shows through the ink, 0..1


BALLPOINT = Pen(darkness=0.8, colour=(25, 35, 110), width=0.55, pressure=0.2)
FINELINER = Pen(darkness=0.92, colour=(18, 18, 20), width=0.7, pressure=0.08, grain=0.02)
PENCIL = Pen(darkness=0.42, colour=(52, 52, 56), width=0.75, pressure=0.25, grain=0.4)
MARKER = Pen(darkness=0.9, colour=(22, 22, 24), width=1.6, pressure=0.1, grain=0.06)
WHITEBOARD_MARKER = Pen(darkness=0.85, colour=(20, 40, 120), width=5.0, pressure=0.2, grain=0.12)
CHALK = Pen(darkness=0.8, colour=(236, 236, 228), width=8.0, pressure=0.2, grain=0.45)


def _pen_line(stroke: Stroke, width: float) -> np.ndarray:
    """Distance from the edge of a line ``width`` glyph pixels wide, positive inside: thinner or fatter ink.

    A fatter pen adds to the ink's edge, a thinner one follows the spine.
    """
    half = width / 2
    line = half - stroke.spine if half < stroke.usual else stroke.depth + half - stroke.usual
    return cv2.GaussianBlur(line.astype(np.float32), (0, 0), min(SMOOTH, width / 5))


def write(
    strokes: Sequence[Stroke],
    places: Sequence[Place],
    pen: Pen,
    view: View,
    rng: np.random.Generator,
) -> tuple[np.ndarray, list[np.ndarray]]:
    """How far ink covers the flat sheet, uint8 of shape (lines, columns), and the hull of each digit in mm."""
    ink = np.zeros((view.lines, view.columns), np.uint8)
    hulls = []
    for stroke, place in zip(strokes, places, strict=True):
        cover, left, top = _draw(stroke, place, pen, view, rng)
        rows, columns = np.nonzero(cover > 0.4 * cover.max())
        hull = cv2.convexHull(np.column_stack([columns, rows]).astype(np.float32))[:, 0]
        hulls.append((hull + 0.5 + [left, top]) / view.scale + [view.left, view.top])
        cover = _pressed(cover, pen, view.scale, rng)
        patch = ink[max(0, top) : top + cover.shape[0], max(0, left) : left + cover.shape[1]]
        cover = cover[max(0, -top) :, max(0, -left) :][: patch.shape[0], : patch.shape[1]]
        np.maximum(patch, np.round(255 * cover).astype(np.uint8), out=patch)
    return ink, hulls


def _draw(stroke: Stroke, place: Place, pen: Pen, view: View, rng: np.random.Generator) -> tuple[np.ndarray, int, int]:
    """One digit's coverage, float32 of shape (H, W), and the pixel of the flat sheet where it begins."""
    share = pen.width / place.height
    width = share * (stroke.size - 2 * stroke.usual) / (1 - share)  # glyph pixels; a thin pen makes less of the height
    line = _pen_line(stroke, width)
    wobble = cv2.resize(rng.normal(0, 1, (5, 5)), line.shape[::-1], interpolation=cv2.INTER_CUBIC)
    line += (0.2 * pen.pressure * width * wobble).astype(np.float32)
    left, top, across, down = cv2.boundingRect((line > 0).astype(np.uint8))
    size = max(across, down)
    zoom = place.height * view.scale / size
    reach = int(np.ceil(0.75 * zoom * size)) + 2  # half a side of the patch, room for leaning
    x = (place.x - view.left) * view.scale
    y = (place.y - view.top - place.height / 2) * view.scale
    begin = int(np.floor(x)) - reach, int(np.floor(y)) - reach
    middle = left + across / 2, top + down - size / 2
    turn = cv2.getRotationMatrix2D(middle, -place.lean, zoom)
    turn += np.array([[0, 0, x - begin[0] - middle[0]], [0, 0, y - begin[1] - middle[1]]])
    moved = cv2.warpAffine(
        line,
        turn,
        (2 * reach, 2 * reach),
        flags=cv2.INTER_CUBIC if zoom > 1 else cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.clip(moved * zoom + 0.5, 0, 1), *begin


def _pressed(cover: np.ndarray, pen: Pen, scale: float, rng: np.random.Generator) -> np.ndarray:
    """Coverage with a hand's uneven pressure and the paper's tooth."""
    shape = cover.shape[::-1]
    along = cv2.resize(rng.uniform(0, 1, (6, 6)).astype(np.float32), shape, interpolation=cv2.INTER_LINEAR)
    cover = cover * (1 - pen.pressure * (0.6 * along + 0.4 * rng.uniform(0, 1)))
    tooth = rng.standard_normal(cover.shape, np.float32)
    if (softness := 0.09 * scale) > 0.5:  # mm: the size of paper fibres
        tooth = cv2.GaussianBlur(tooth, (0, 0), softness) * np.float32(2 * np.sqrt(np.pi) * softness)
    return np.clip(cover * (1 - pen.grain * np.clip(0.5 + 0.7 * tooth, 0, 1)), 0, 1)
