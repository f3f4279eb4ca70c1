"""The flat sheet: ink over printed lines over paper."""

from collections.abc import Sequence

import cv2
import numpy as np

from benchmarks.simulate.camera import View
from benchmarks.simulate.paper import Layout, Paper
from benchmarks.simulate.pen import Pen
from benchmarks.simulate.writers import Stroke

BAND = 128  # rows worked on at once in floating point: 50 megapixels must not take gigabytes


def draw_sheet(
    ink: np.ndarray,
    paper: Paper,
    pen: Pen,
    strokes: Sequence[Stroke],
    layout: Layout,
    view: View,
    rng: np.random.Generator,
) -> np.ndarray:
    """Ink over lines over paper, uint8 RGB of shape (lines, columns, 3)."""
    across = _line_cover(paper, view.top, view.lines, view.scale, paper.kind != "plain")
    down = _line_cover(paper, view.left, view.columns, view.scale, paper.kind == "squared")
    clouds = rng.normal(0, 1, (12, 12)).astype(np.float32)
    back = _back(strokes, paper, layout, view, rng)
    sheet = np.empty((view.lines, view.columns, 3), np.uint8)
    for top in range(0, view.lines, BAND):
        part = slice(top, min(top + BAND, view.lines))
        surface = 1 + 0.5 * paper.grain * enlarged(clouds, part, view.columns, view.lines)
        surface += paper.grain * rng.standard_normal(surface.shape, np.float32)
        if back is not None:
            surface *= 1 - enlarged(back, part, view.columns, view.lines)
        lines = np.maximum(across[part, None], down[None, :])
        cover = ink[part] * np.float32(pen.darkness / 255)
        for channel in range(3):
            value = surface * (paper.colour[channel] + (paper.line_colour[channel] - paper.colour[channel]) * lines)
            value += (pen.colour[channel] - value) * cover
            sheet[part, :, channel] = np.clip(value + 0.5, 0, 255)
    return sheet


def _line_cover(paper: Paper, begin: float, count: int, scale: float, drawn: bool) -> np.ndarray:
    """How far printed lines cover each pixel along one side, float32 of shape (count,)."""
    if not drawn:
        return np.zeros(count, np.float32)
    place = (np.arange(count) + 0.5) / scale + begin
    distance = np.abs(place - np.round(place / paper.line_spacing) * paper.line_spacing)
    half = paper.line_width / 2
    cover = np.minimum(distance + 0.5 / scale, half) - np.clip(distance - 0.5 / scale, -half, half)
    return (np.clip(cover, 0, None) * scale).astype(np.float32)


def _back(
    strokes: Sequence[Stroke], paper: Paper, layout: Layout, view: View, rng: np.random.Generator
) -> np.ndarray | None:
    """Writing on the back, mirrored and blurred: darkening, float32, small."""
    if paper.show_through == 0:
        return None
    scale = min(view.scale, 2.0)  # pixels per mm: it is blurred anyway
    lines, columns = (int(length * scale / view.scale) + 1 for length in (view.lines, view.columns))
    back = np.zeros((lines, columns), np.float32)
    side = max(6, int(layout.height * scale))
    for top in range(side // 2, lines - side, int(1.6 * side)):
        for left in range(side // 2, columns - side, side):
            if rng.uniform() < 0.2:  # gaps between words
                continue
            stroke = strokes[int(rng.integers(len(strokes)))]
            line = cv2.resize(stroke.depth[:, ::-1], (side, side), interpolation=cv2.INTER_AREA)
            patch = back[top : top + side, left : left + side]
            np.maximum(patch, np.clip(line * side / len(stroke.depth) + 0.5, 0, 1), out=patch)
    return cv2.GaussianBlur(back, (0, 0), 0.5 * scale) * np.float32(paper.show_through)


def enlarged(small: np.ndarray, rows: slice, width: int, height: int) -> np.ndarray:
    """The given rows of a small map, as if it had been enlarged to (height, width)."""
    x, y = small.shape[1] / width, small.shape[0] / height
    matrix = np.array([[x, 0, 0.5 * x - 0.5], [0, y, (rows.start + 0.5) * y - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = width, rows.stop - rows.start
    return cv2.warpAffine(small, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
