"""Ink on a photographed sheet: how much darker than the paper every pixel is, and which pixels are strokes.

Paper is what remains when everything narrow and dark is filled in, so shadows and vignetting go with it and a
threshold holds for the whole sheet. Ruled and squared lines are taken out; what a pen drew across them stays.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from toolkit.errors import ToolkitError

WORKING_SIDE = 2000  # pixels of the longer side on which strokes are looked for: a digit of 120 is 60 high
STROKE = 0.04  # of the longer side: wider dark things are no strokes
TILE = 16  # noise is measured in so many tiles along the longer side
NOISE_LEVELS = 4.0  # standard deviations of the paper's noise above which a pixel may be ink
FAINTEST = 0.035  # share of light that ink must take away at least
LINE_LENGTH = 0.55  # of the photo's width or height: some printed line is as long, but no digit's stem
LINE_PIECE = 0.2  # of the same: how far a line goes on before noise interrupts it
LINE_REACH = 0.04  # of the same: what stays dark so far in both directions is a line
SAMPLES, GAPS = 13, 2  # looked at along that way, and how many of them may be light
DIRECTION_STEP = 1.0  # degrees: straight runs are sought at this spacing, as perspective fans lines out
DARKER = 1.5  # times the contrast of a printed line: there somebody wrote on it
TABLE = 0.2  # of the longer side: connected ink as long may be a table's lines, drawn by hand
CELL = 0.03  # of such a table's longer side: what stands in it is larger
ENCLOSED = 2  # so many strokes, about as dark as it is, make it a table
AS_DARK = 0.6  # of the contrast of what it encloses: printed grids and the shadows of edges are paler


@dataclass(frozen=True)
class InkMap:
    """A sheet at working resolution.

    ``contrast``: float32 (h, w), the share of the paper's light that is missing, 0 on paper; ``paper``: float32
    (h, w), the grey value of bare paper; ``strokes``: bool (h, w); ``scale``: working pixels per photo pixel;
    ``inverted``: whether the ink is lighter than its ground (all grey values are then inverted).
    """

    contrast: np.ndarray
    paper: np.ndarray
    strokes: np.ndarray
    scale: float
    inverted: bool


def map_ink(grey: np.ndarray) -> InkMap:
    """Find strokes on grey values, uint8 of shape (H, W)."""
    scale = min(1.0, WORKING_SIDE / max(grey.shape))
    size = [max(1, round(scale * length)) for length in reversed(grey.shape)]
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    if min(small.shape) < 16:
        raise ToolkitError(f"A photo of {grey.shape[1]} x {grey.shape[0]} pixels is too small for a sheet of digits.")
    inverted = _light_on_dark(small)
    if inverted:
        small = 255 - small
    paper = _paper(small)
    contrast = np.clip(1 - cv2.GaussianBlur(small, (0, 0), 0.8).astype(np.float32) / paper, 0, 1)
    level, noise = _level_and_noise(contrast)
    contrast = np.clip(contrast - level, 0, 1)
    connected = contrast > np.maximum(NOISE_LEVELS * noise, FAINTEST)
    strokes = connected & ~printed_lines(connected, contrast)
    strokes &= ~drawn_tables(connected, strokes, contrast)
    return InkMap(contrast, paper * (1 - level), strokes, scale, inverted)


def _light_on_dark(grey: np.ndarray) -> bool:
    """Whether what differs from the dark ground around it is mostly lighter: chalk on a board."""
    if np.median(grey) > 127:
        return False
    scale = min(1.0, 500 / max(grey.shape))
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    ground = cv2.medianBlur(small, round(2 * STROKE * max(small.shape)) | 1)
    return bool(cv2.subtract(small, ground).sum() > 2 * cv2.subtract(ground, small).sum())


def _paper(grey: np.ndarray) -> np.ndarray:
    """The grey value of bare paper, float32: closing fills everything darker and narrower than a stroke can be."""
    reduce = 0.25 if max(grey.shape) > 1000 else 0.5
    small = cv2.resize(cv2.medianBlur(grey, 3), None, fx=reduce, fy=reduce, interpolation=cv2.INTER_AREA)
    side = max(3, round(STROKE * max(small.shape)) | 1)
    closed = cv2.morphologyEx(small, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    closed = cv2.GaussianBlur(closed.astype(np.float32), (0, 0), 0.7)
    return np.maximum(cv2.resize(closed, grey.shape[::-1], interpolation=cv2.INTER_LINEAR), 1)


def _level_and_noise(contrast: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Median and standard deviation of bare paper, measured in tiles: ink is the lesser part of each."""
    side = max(8, max(contrast.shape) // TILE)
    rows, columns = (max(1, length // side) for length in contrast.shape)
    tiled = cv2.resize(contrast, (columns * side, rows * side), interpolation=cv2.INTER_NEAREST)
    tiles = tiled.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(rows, columns, -1)[..., ::7]
    median = np.median(tiles, axis=2)
    deviation = 1.4826 * np.median(np.abs(tiles - median[..., None]), axis=2)

    def everywhere(values: np.ndarray) -> np.ndarray:
        values = cv2.medianBlur(values.astype(np.float32), 3) if min(values.shape) >= 3 else values.astype(np.float32)
        return cv2.resize(values, contrast.shape[::-1], interpolation=cv2.INTER_LINEAR)

    return everywhere(median), everywhere(deviation)


def printed_lines(strokes: np.ndarray, contrast: np.ndarray) -> np.ndarray:
    """Pixels of ruled or squared lines, bool like ``strokes``: long, straight, thin; what was written over them not."""
    candidates = []
    for directions in _line_directions(strokes):
        level = _line_level(contrast, directions)
        candidates.append((strokes & _long(level > FAINTEST, directions) & (contrast < DARKER * level), directions))
    lines = np.zeros_like(strokes)
    for own, directions in candidates:
        others = [other for other, _ in candidates if other is not own]
        lines |= own & ~_drawn_over(strokes & ~np.any(others, axis=0), own, directions)
    return lines


def drawn_tables(connected: np.ndarray, strokes: np.ndarray, contrast: np.ndarray) -> np.ndarray:
    """Pixels of frames and tables drawn by hand, bool like ``strokes``, which are ``connected`` ink without print.

    Such lines wobble and are as dark as what stands between them; they hang together, far beyond any digit, and enclose
    strokes that do not touch them. What does touch them goes with them.
    """
    _, labels, stats, _ = cv2.connectedComponentsWithStats(connected.astype(np.uint8), connectivity=8)
    extents = stats[1:, cv2.CC_STAT_WIDTH : cv2.CC_STAT_HEIGHT + 1].max(axis=1)
    tables = np.zeros_like(strokes)
    large = 1 + np.flatnonzero(extents > TABLE * max(connected.shape))
    if not len(large):
        return tables
    _, pieces, boxes, _ = cv2.connectedComponentsWithStats(strokes.astype(np.uint8), connectivity=8)
    corners = boxes[:, :2], boxes[:, :2] + boxes[:, 2:4]
    for label in large.tolist():
        begin, size = stats[label, :2], stats[label, 2:4]
        within = (corners[0] > begin).all(axis=1) & (corners[1] < begin + size).all(axis=1)
        within &= boxes[:, 2:4].max(axis=1) > CELL * size.max()
        table = labels == label
        level = float(np.median(contrast[table]))
        enclosed = 0
        for piece in np.flatnonzero(within).tolist():
            left, top, width, height = boxes[piece, :4]
            window = slice(top, top + height), slice(left, left + width)
            own = (pieces[window] == piece) & ~table[window]
            enclosed += bool(own.any()) and AS_DARK <= level / np.percentile(contrast[window][own], 85) <= 1 / AS_DARK
        if enclosed >= ENCLOSED:
            tables |= table
    return tables


def _line_directions(strokes: np.ndarray) -> list[np.ndarray]:
    """Directions, in degrees, of straight lines too long for a digit: near to horizontal, near to vertical."""
    reduce = min(1.0, 1000 / max(strokes.shape))
    small = cv2.resize(strokes.astype(np.uint8), None, fx=reduce, fy=reduce, interpolation=cv2.INTER_AREA)
    directions = []
    for middle, side in ((0.0, small.shape[1]), (90.0, small.shape[0])):  # near to horizontal, near to vertical
        length = LINE_LENGTH * side
        found = cv2.HoughLinesP(small, 1, np.pi / 360, round(length / 3), minLineLength=length, maxLineGap=side / 12)
        if found is None:
            continue
        ends = found.reshape(-1, 4)
        angles = np.degrees(np.arctan2(ends[:, 3] - ends[:, 1], ends[:, 2] - ends[:, 0]))
        angles = (angles - middle + 90) % 180 - 90 + middle
        near = angles[np.abs(angles - middle) < 45]
        if len(near):
            low, high = np.percentile(near, [3, 97])
            steps = max(3, round((high - low) / DIRECTION_STEP) + 2)
            directions.append(np.linspace(low - DIRECTION_STEP / 2, high + DIRECTION_STEP / 2, steps))
    return directions


def _long(mask: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """The parts of a mask that go on much further than a digit's stroke."""
    side = mask.shape[1] if np.median(directions) < 45 else mask.shape[0]
    joined = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    extent = np.hypot(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    extent[0] = 0
    return (extent > LINE_PIECE * side)[labels] & mask


def _drawn_over(strokes: np.ndarray, line: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Where strokes are clearly thicker across a line than the line itself."""
    if not line.any():
        return line
    mask = strokes.astype(np.uint8)
    thickness = 2 * float(np.percentile(cv2.distanceTransform(mask, cv2.DIST_L2, 3)[line], 75))
    across = _segment(max(3, 1.6 * thickness + 2), float(np.median(directions)) + 90)
    return cv2.morphologyEx(mask, cv2.MORPH_OPEN, across) > 0


def _line_level(contrast: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """How dark a printed line is that runs through each pixel, 0 where there is none.

    A pixel is on a line when nearly all of several samples along it are dark too; pen strokes
    end or bend before that.
    """
    height, width = contrast.shape
    reach = (width if np.median(directions) < 45 else height) * LINE_REACH
    eight = cv2.dilate(np.round(255 * contrast).astype(np.uint8), np.ones((3, 3), np.uint8))  # lines bend a little
    margin = int(np.ceil(2 * reach)) + 1
    padded = cv2.copyMakeBorder(eight, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    level = np.zeros_like(eight)
    for direction in np.radians(directions):
        for shift in (-reach, 0, reach):  # lines end: before, around and behind a pixel
            lowest = [np.full_like(eight, 255)] * (GAPS + 1)  # in order: all but the last may be noise
            for step in shift + np.linspace(-reach, reach, SAMPLES):
                x, y = margin + round(step * np.cos(direction)), margin + round(step * np.sin(direction))
                sample = padded[y : y + height, x : x + width]
                for place, least in enumerate(lowest):
                    lowest[place], sample = cv2.min(least, sample), cv2.max(least, sample)
            level = cv2.max(level, lowest[-1])
    return level.astype(np.float32) / 255


def _segment(length: float, degrees: float) -> np.ndarray:
    """A straight line of ones through the middle of a kernel."""
    radius = max(1, round(length / 2))
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1), np.uint8)
    dx, dy = radius * np.cos(np.radians(degrees)), radius * np.sin(np.radians(degrees))
    cv2.line(kernel, (round(radius - dx), round(radius - dy)), (round(radius + dx), round(radius + dy)), 1)
    rows, columns = np.flatnonzero(kernel.any(axis=1)), np.flatnonzero(kernel.any(axis=0))
    return kernel[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
