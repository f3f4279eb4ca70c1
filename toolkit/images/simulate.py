"""Simulated photos of handwritten sheets, with the place of every digit known.

A sheet is written flat, as ink over paper, in millimetres; a camera then looks at it: perspective, table, light,
shadow, blur and noise. Real photos say little about where a cutter fails, since each has all its faults at once;
here every fault has its own parameter. Strengths are taken from real photos of handwriting: pencil is 15 to 30 %
darker than its paper, corners of phone photos lose up to 40 % of the light.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

import cv2
import numpy as np
from PIL import ExifTags, Image

from toolkit.errors import ToolkitError
from toolkit.paths import atomic_write

PaperKind = Literal["plain", "ruled", "squared"]
Table = Literal["dark", "wood", "light"]
Colour = tuple[int, int, int]
TEN_ROWS = tuple(str(digit) * 12 for digit in range(10))

BAND = 128  # rows worked on at once in floating point: 50 megapixels must not take gigabytes
LIGHT_SIDE = 1024  # longer side of the map of light and shadow, which is smooth
TABLE_SIDE = 2048
EDGE = 105  # of 255, a little below the middle: strokes that the source has nearly lost hold together
SMOOTH = 2.5  # standard deviation, glyph pixels
HOLLOW, OPENS = 1.5, 1.35  # times the usual stroke: ink thicker than this was a loop that the coarse source filled
VIEWING_DISTANCE = 1.2  # camera to paper, in lengths of what it frames: a phone's field of view


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


@dataclass(frozen=True)
class Paper:
    """What the digits are written on, boards included."""

    kind: PaperKind = "plain"
    size: tuple[float, float] = (210.0, 297.0)  # mm, width and height
    colour: Colour = (236, 235, 230)
    line_colour: Colour = (150, 172, 205)
    line_spacing: float = 9.0  # mm; 5 for squared paper
    line_width: float = 0.25  # mm
    grain: float = 0.012  # standard deviation of the surface, as a share of its brightness
    show_through: float = 0.0  # darkness of the writing on the back, as a share of the brightness


WHITEBOARD = Paper(size=(900.0, 600.0), colour=(240, 242, 244), grain=0.004)
CHALKBOARD = Paper(size=(1500.0, 1000.0), colour=(48, 66, 58), grain=0.06)


@dataclass(frozen=True)
class Layout:
    """How the digits stand on the sheet; the writing is centred on it."""

    height: float = 10.0  # mm, of a digit
    height_spread: float = 0.08  # standard deviation, as a share of the height
    column_spacing: float = 1.4  # from digit to digit, in heights
    row_spacing: float = 2.0  # from row to row, in heights
    jitter: float = 0.06  # standard deviation of a digit's place, in heights
    lean: float = 3.0  # standard deviation of a digit's turn, degrees
    slope: float = 0.0  # of the rows, degrees; positive falls to the right
    bend: float = 0.0  # how far the middle of a row hangs below its ends, mm
    on_lines: bool = True  # rows stand on the nearest line of ruled paper


@dataclass(frozen=True)
class Camera:
    """What takes the photo, from where and in which light."""

    megapixels: float = 12.0
    turn: float = 0.0  # degrees by which the sheet lies turned clockwise in the photo
    tilt: float = 0.0  # degrees off the vertical
    tilt_from: float = 90.0  # degrees, the side the camera looks from: 0 right, 90 below
    table: Table | None = "dark"  # None: close up, nothing but paper around the writing
    margin: float = 0.04  # what is left around the sheet, or around the writing without a table; share of the frame
    exposure: float = 1.0  # brightness of the photo; 1 leaves white paper at its colour
    warmth: float = 0.0  # colour of the light: -1 blue daylight, 0 white, 1 yellow bulb
    gradient: float = 0.0  # share of light lost from the bright side to the dark one
    vignetting: float = 0.0  # share of light lost in the corners
    shadow: float = 0.0  # share of light that a hand with a phone takes away
    shadow_edge: float = 0.03  # its softness, as a share of the longer side
    blur: float = 0.7  # standard deviation, pixels
    noise: float = 2.0  # standard deviation on white paper, grey levels of 255
    jpeg_quality: int = 90
    orientation: int | None = None  # EXIF 1..8: pixels are stored so that it turns them upright; None: no tag
    quarter_turns: int = 0  # counter-clockwise, with no tag that says so: the photo lies on its side


@dataclass(frozen=True)
class PlacedDigit:
    """One digit and where its ink lies in the photo as one looks at it."""

    row: int
    column: int
    label: int
    box: tuple[float, float, float, float]  # left, top, right, bottom in pixels, counted from the image's corner

    @property
    def centre(self) -> tuple[float, float]:
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2


@dataclass(frozen=True)
class SimulatedSheet:
    """A photo as the sensor stores it, before EXIF and JPEG, and what is on it once EXIF has been obeyed."""

    photo: np.ndarray  # uint8 RGB of shape (H, W, 3)
    orientation: int | None
    jpeg_quality: int
    digits: tuple[PlacedDigit, ...] = field(repr=False)


def simulate_sheet(
    glyphs: Mapping[int, Sequence[np.ndarray]],
    rows: Sequence[str] = TEN_ROWS,
    paper: Paper = Paper(),
    pen: Pen = BALLPOINT,
    camera: Camera = Camera(),
    layout: Layout = Layout(),
    seed: int = 0,
) -> SimulatedSheet:
    """Photograph a sheet with ``rows`` of digits; the same seed gives the same bytes.

    ``glyphs`` are a writer's digits, for each label ink bright on black, uint8 of shape (H, W), used in order and
    from the beginning again where they run out. Raises ``ToolkitError`` for a digit without a glyph, writing that
    does not fit on the paper, and values that make no sense.
    """
    _check(rows, glyphs, paper, pen, camera, layout)
    writing, surface, taking = np.random.default_rng(seed).spawn(3)  # a new pen leaves the camera's noise alone
    strokes = _strokes(rows, glyphs)
    places = _places(rows, paper, layout, writing)
    view = _view(paper, camera, places, layout, taking)
    ink, hulls = _write(strokes, places, pen, view, writing)
    scene = _on_table(_sheet(ink, paper, pen, strokes, layout, view, surface), camera, view, taking)
    photo = _expose(scene, camera, taking)
    digits = []
    for place, hull in zip(places, hulls, strict=True):
        seen = _turned(view.project(hull), view.width, view.height, camera.quarter_turns)
        (left, top), (right, bottom) = seen.min(axis=0), seen.max(axis=0)
        box = float(left), float(top), float(right), float(bottom)
        digits.append(PlacedDigit(place.row, place.column, place.label, box))
    stored = _as_stored(np.rot90(photo, camera.quarter_turns), camera.orientation)
    return SimulatedSheet(np.ascontiguousarray(stored), camera.orientation, camera.jpeg_quality, tuple(digits))


def save_photo(sheet: SimulatedSheet, path: Path) -> None:
    """Write the photo as JPEG with its EXIF orientation, if it has one."""
    exif = Image.Exif()
    if sheet.orientation is not None:
        exif[ExifTags.Base.Orientation] = sheet.orientation
    with atomic_write(path) as temporary:
        Image.fromarray(sheet.photo).save(temporary, "JPEG", quality=sheet.jpeg_quality, exif=exif)


def conditions(seed: int, rows: Sequence[str] = TEN_ROWS) -> tuple[Paper, Pen, Camera, Layout]:
    """Draw a plausible photo of ``rows``: what ``simulate_sheet`` takes beside glyphs, rows and seed.

    Whatever is drawn, a person can read: resolution, focus, light and noise are kept to what the pen allows.
    """
    rng = np.random.default_rng([seed, 1])  # not the stream that simulate_sheet draws from with the same seed
    paper, pen = _draw_paper_and_pen(rng)
    width, height = paper.size
    column_spacing, row_spacing = rng.uniform(1.3, 1.8), rng.uniform(1.6, 2.3)
    largest = min(width / (column_spacing * max(map(len, rows))), height / (row_spacing * len(rows)))
    layout = Layout(
        height=float(rng.uniform(0.7, 0.95) * min(largest, height / 12)),
        height_spread=float(rng.uniform(0.02, 0.12)),
        column_spacing=float(column_spacing),
        row_spacing=float(row_spacing),
        jitter=float(rng.uniform(0.02, 0.1)),
        lean=float(rng.uniform(1, 6)),
        slope=float(np.clip(rng.normal(0, 1.2), -3, 3)),
        bend=float(rng.normal(0, 0.15 * largest)),
    )
    if paper.kind == "ruled":  # people write on every line, every second, every third: the lines make the rows
        pitch = row_spacing * layout.height
        paper = replace(paper, line_spacing=float(pitch / max(1, round(pitch / rng.uniform(7, 11)))))
    pen = replace(pen, width=min(pen.width, 0.17 * layout.height))
    return paper, pen, _draw_camera(paper, pen, layout, rng), layout


def _draw_paper_and_pen(rng: np.random.Generator) -> tuple[Paper, Pen]:
    board = rng.uniform()
    if board < 0.06:
        return WHITEBOARD, replace(WHITEBOARD_MARKER, colour=_one_of(rng, {(20, 40, 120): 2, (25, 25, 28): 2}))
    if board < 0.11:
        return CHALKBOARD, CHALK
    kind: PaperKind = _one_of(rng, {"plain": 45, "ruled": 30, "squared": 25})
    grey = rng.uniform(215, 245)
    pen = _one_of(rng, {BALLPOINT: 36, FINELINER: 20, PENCIL: 24, MARKER: 20})
    if pen == BALLPOINT:
        pen = replace(pen, colour=_one_of(rng, {(25, 35, 110): 5, (25, 25, 30): 4, (150, 30, 40): 1}))
    darkness = float(pen.darkness * rng.uniform(0.85, 1.05))
    pen = replace(pen, darkness=darkness, width=float(pen.width * rng.uniform(0.8, 1.3)))
    paper = Paper(
        kind=kind,
        size=_one_of(rng, {(210.0, 297.0): 75, (297.0, 210.0): 25}),
        colour=(round(grey), round(grey - rng.uniform(0, 4)), round(grey - rng.uniform(0, 16))),
        line_spacing=5.0 if kind == "squared" else 9.0,
        line_width=float(rng.uniform(0.15, 0.35)),
        grain=float(rng.uniform(0.004, 0.02)),
        show_through=float(max(0.0, rng.uniform(-0.2, 0.2)) * _contrast(Paper(), pen)),
    )
    hue = _one_of(rng, {(110, 150, 205): 5, (120, 120, 125): 4, (190, 120, 140): 1, (45, 45, 48): 1})
    strength = min(1.0, 0.7 * _contrast(paper, pen) / (1 - np.mean(hue) / grey))  # lines do not drown the writing
    line = [
        round(of_paper + strength * (of_line - of_paper)) for of_paper, of_line in zip(paper.colour, hue, strict=True)
    ]
    return replace(paper, line_colour=tuple(line)), pen


def _draw_camera(paper: Paper, pen: Pen, layout: Layout, rng: np.random.Generator) -> Camera:
    megapixels = _one_of(rng, {12.2: 36, 16.0: 8, 8.0: 18, 5.0: 12, 3.0: 10, 2.0: 8, 1.0: 5, 0.5: 3})
    area = paper.size[0] * paper.size[1]
    # photos that the pen is too fine for are not taken: strokes under a pixel, digits under 22
    finest = max(0.9 / pen.width, 22 / layout.height) / 0.8  # pixels per mm; 0.8 for margins and perspective
    megapixels = max(megapixels, finest**2 * area / 1e6)
    stroke = 0.8 * pen.width * np.sqrt(megapixels * 1e6 / area)  # pixels
    blur = min(float(rng.gamma(3, 0.35) * np.sqrt(megapixels / 8)), 0.45 * stroke)
    gradient, vignetting = rng.uniform(0, 0.4), rng.uniform(0, 0.4)
    shadow = rng.uniform(0.2, 0.5) if rng.uniform() < 0.3 else 0.0
    contrast = 0.7 * _contrast(paper, pen) * max(paper.colour)  # grey levels; pressure and focus take the rest
    dimmest = (1 - gradient) * (1 - vignetting) * (1 - shadow)
    exposure = max(float(rng.uniform(0.6, 1.05)), min(1.05, 16 / (contrast * dimmest)))
    noise = min(6.0, float(rng.gamma(3, 0.9)), 0.15 * contrast * dimmest * exposure * max(1.0, float(np.sqrt(stroke))))
    if max(paper.size) > 400:
        table = _one_of(rng, {"light": 2, None: 3})
    else:
        table = _one_of(rng, {"dark": 38, "wood": 27, "light": 12, None: 23})
    orientation = _one_of(rng, {None: 34, 1: 25, 6: 24, 8: 6, 3: 5, 2: 1, 4: 1, 5: 1, 7: 1})
    lies = orientation is None and rng.uniform() < 0.25
    return Camera(
        megapixels=float(megapixels),
        turn=float(rng.uniform(-15, 15) if rng.uniform() < 0.25 else np.clip(rng.normal(0, 4), -15, 15)),
        tilt=float(min(25, abs(rng.normal(0, 9)))),
        tilt_from=float(rng.normal(90, 40)),
        table=table,
        margin=float(rng.uniform(0.01, 0.1)),
        exposure=exposure,
        warmth=float(np.clip(rng.normal(0.1, 0.3), -0.8, 0.9)),
        gradient=float(gradient),
        vignetting=float(vignetting),
        shadow=float(shadow),
        shadow_edge=float(10 ** rng.uniform(-2.3, -0.9)),
        blur=blur,
        noise=noise,
        jpeg_quality=int(rng.integers(70, 96)),
        orientation=orientation,
        quarter_turns=int(rng.integers(1, 4)) if lies else 0,
    )


def _contrast(paper: Paper, pen: Pen) -> float:
    """Between full ink and paper, as a share of the brighter one."""
    ground, ink = np.mean(paper.colour), np.mean(pen.colour)
    return float(pen.darkness * abs(ground - ink) / max(ground, ink))


def _one_of(rng: np.random.Generator, weights: Mapping[Any, float]) -> Any:
    values = list(weights)
    shares = np.array(list(weights.values())) / sum(weights.values())
    return values[rng.choice(len(values), p=shares)]


def _check(
    rows: Sequence[str],
    glyphs: Mapping[int, Sequence[np.ndarray]],
    paper: Paper,
    pen: Pen,
    camera: Camera,
    layout: Layout,
) -> None:
    written = "".join(rows)
    if not written or not all(character in "0123456789" for character in written):
        raise ToolkitError(f"Rows {list(rows)} cannot be written. Expected strings of digits.")
    if missing := sorted({int(digit) for digit in written if not glyphs.get(int(digit))}):
        raise ToolkitError(f"There is no glyph for {missing}. Give at least one image for each digit in the rows.")
    choices: list[tuple[str, object, tuple[object, ...]]] = [
        ("paper", paper.kind, get_args(PaperKind)),
        ("table", camera.table, (*get_args(Table), None)),
        ("EXIF orientation", camera.orientation, (*range(1, 9), None)),
    ]
    for name, value, known in choices:
        if value not in known:
            raise ToolkitError(f"Unknown {name} {value!r}. Choose one of {', '.join(map(str, known))}.")
    for name, amount, least, most in (
        ("pen width in mm", pen.width, 0.01, 0.25 * layout.height),
        ("darkness of the pen", pen.darkness, 0, 1),
        ("megapixels", camera.megapixels, 0.01, 60),
        ("turn", camera.turn, -180, 180),
        ("tilt", camera.tilt, 0, 45),
        ("margin", camera.margin, 0, 0.4),
        ("JPEG quality", camera.jpeg_quality, 1, 95),
    ):
        if not least <= amount <= most:
            raise ToolkitError(f"The {name} is {amount:g}. Expected {least:g} to {most:g}.")


# Strokes: what a pen of any width would have drawn


@dataclass(frozen=True)
class _Stroke:
    """A glyph as distances, in its pixels, so that it can be drawn with any pen and at any size."""

    depth: np.ndarray  # from the ink's edge, positive inside
    spine: np.ndarray  # from the middle of the strokes
    radius: np.ndarray  # half the stroke's width at the nearest point of the spine
    usual: float  # half width of the writer's strokes
    size: int  # longer side of the ink


@dataclass(frozen=True)
class _Place:
    row: int
    column: int
    label: int
    x: float  # mm, middle of the digit
    y: float  # mm, where it stands
    height: float  # mm
    lean: float  # degrees


def _strokes(rows: Sequence[str], glyphs: Mapping[int, Sequence[np.ndarray]]) -> list[_Stroke]:
    """One stroke for every digit of the rows, in reading order."""
    used: dict[int, int] = {}
    images = []
    for label in map(int, "".join(rows)):
        count = used.get(label, 0)
        images.append(glyphs[label][count % len(glyphs[label])])
        used[label] = count + 1
    inked = [np.pad(image, 24) > EDGE for image in images]
    if not all(ink.any() for ink in inked):
        raise ToolkitError("A glyph is empty. Expected ink, bright on black.")
    inside = [_distance(ink) for ink in inked]
    spines = [_spine(ink) for ink in inked]
    usual = float(np.median(np.concatenate([depth[spine] for depth, spine in zip(inside, spines, strict=True)])))
    strokes = []
    for ink, depth, spine in zip(inked, inside, spines, strict=True):
        to_spine, nearest = cv2.distanceTransformWithLabels(
            (~spine).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
        )
        radii = np.zeros(nearest.max() + 1, np.float32)
        radii[nearest[spine]] = depth[spine]
        size = max(cv2.boundingRect(ink.astype(np.uint8))[2:])
        # a hand draws smooth lines; blurring lifts the valley along a line by sqrt(2 / pi) standard deviations
        smooth = cv2.GaussianBlur(to_spine, (0, 0), SMOOTH)
        to_spine = np.sqrt(np.maximum(0, smooth**2 - 2 / np.pi * SMOOTH**2))
        strokes.append(_Stroke(depth - _distance(~ink), to_spine, radii[nearest], usual, size))
    return strokes


def _distance(mask: np.ndarray) -> np.ndarray:
    return cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)


def _spine(ink: np.ndarray) -> np.ndarray:
    """Strokes one pixel wide, bool like ``ink``."""
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


def _pen_line(stroke: _Stroke, width: float) -> np.ndarray:
    """Distance from the edge of a line ``width`` glyph pixels wide, positive inside: thinner or fatter ink.

    A fatter pen adds to the ink's edge, a thinner one follows the spine. Where ink is far thicker than usual, that
    was a loop that the source has filled: it stays, and opens in the middle where there is room.
    """
    half = width / 2
    peel = stroke.usual - half
    if peel <= 0:
        line = stroke.depth - peel
    else:
        line = half * np.sqrt(np.minimum(stroke.radius / stroke.usual, HOLLOW)) - stroke.spine
        line = np.maximum(line, np.where(stroke.radius > HOLLOW * stroke.usual, stroke.depth - peel, -np.inf))
        line = np.minimum(line, OPENS * stroke.usual + half - stroke.depth)
    return cv2.GaussianBlur(line.astype(np.float32), (0, 0), min(SMOOTH, width / 5))


# The flat sheet


def _places(rows: Sequence[str], paper: Paper, layout: Layout, rng: np.random.Generator) -> list[_Place]:
    """Where each digit stands, in mm from the middle of the paper."""
    pitch, row_pitch = layout.column_spacing * layout.height, layout.row_spacing * layout.height
    across, down = pitch * max(map(len, rows)), row_pitch * len(rows)
    places = []
    for row, digits in enumerate(rows):
        base = (row + 0.5) * row_pitch - down / 2 + layout.height / 2
        if paper.kind == "ruled" and layout.on_lines:
            base = round(base / paper.line_spacing) * paper.line_spacing
        slope, bend = layout.slope * rng.uniform(0.7, 1.3), layout.bend * rng.uniform(0.7, 1.3)
        for column, label in enumerate(digits):
            x = (column + 0.5) * pitch - across / 2
            dx, dy, size, lean = np.clip(rng.normal(0, 1, 4), -2.5, 2.5)
            y = base + np.tan(np.radians(slope)) * x + bend * (1 - (2 * x / across) ** 2)
            places.append(
                _Place(
                    row,
                    column,
                    int(label),
                    x + dx * layout.jitter * layout.height,
                    float(y + dy * layout.jitter * layout.height),
                    layout.height * max(0.5, float(1 + size * layout.height_spread)),
                    float(lean * layout.lean),
                )
            )
    right = max(abs(place.x) + place.height / 2 for place in places)
    down = max(abs(place.y - place.height / 2) + place.height / 2 for place in places)
    if right > paper.size[0] / 2 or down > paper.size[1] / 2:
        raise ToolkitError(
            f"The writing takes {2 * right:.0f} x {2 * down:.0f} mm, the paper has {paper.size[0]:g} x "
            f"{paper.size[1]:g}. Write smaller, closer together or straighter."
        )
    return places


@dataclass(frozen=True)
class _View:
    """How the sheet, in mm from its middle, comes into the photo before any quarter turn."""

    matrix: np.ndarray  # homography, mm to pixels
    width: int
    height: int
    left: float  # mm: the part of the sheet that is drawn
    top: float
    scale: float  # pixels per mm of the flat sheet
    columns: int  # pixels of the flat sheet
    lines: int

    def project(self, points: np.ndarray) -> np.ndarray:
        return _project(self.matrix, points)


def _project(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return cv2.perspectiveTransform(points.reshape(-1, 1, 2).astype(np.float64), matrix)[:, 0]


def _corners(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)


def _view(paper: Paper, camera: Camera, places: Sequence[_Place], layout: Layout, rng: np.random.Generator) -> _View:
    half_width, half_height = paper.size[0] / 2, paper.size[1] / 2
    if camera.table is None:
        reach = layout.height
        framed = _corners(
            min(place.x for place in places) - reach,
            min(place.y for place in places) - 1.7 * reach,
            max(place.x for place in places) + reach,
            max(place.y for place in places) + reach,
        )
    else:
        framed = _corners(-half_width, -half_height, half_width, half_height)
    size = framed.max(axis=0) - framed.min(axis=0)
    # 4:3, held the way the sheet lies
    longer = np.sqrt(camera.megapixels * 1e6 * 4 / 3)
    sides = round(longer), round(longer * 3 / 4)
    width, height = sides if size[0] > size[1] else sides[::-1]

    turn, side = np.radians(camera.turn), np.radians(camera.tilt_from)
    in_plane = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    axis = np.radians(camera.tilt) * np.array([-np.sin(side), np.cos(side), 0])
    distance = VIEWING_DISTANCE * float(size.max())
    rotation = cv2.Rodrigues(axis)[0] @ in_plane
    pinhole = np.column_stack([rotation[:, 0], rotation[:, 1], [0, 0, distance]])
    pinhole = np.diag([distance, distance, 1]) @ pinhole
    middle = framed.mean(axis=0)
    pinhole = pinhole @ np.array([[1, 0, -middle[0]], [0, 1, -middle[1]], [0, 0, 1]])
    seen = _project(pinhole, framed)
    extent = seen.max(axis=0) - seen.min(axis=0)
    zoom = (1 - 2 * camera.margin) * float(np.min([width, height] / extent))
    # nobody centres a sheet exactly
    spare = np.array([width, height]) - zoom * extent
    begin = spare * (0.5 + rng.uniform(-0.25, 0.25, 2)) - zoom * seen.min(axis=0)
    matrix = np.array([[zoom, 0, begin[0]], [0, zoom, begin[1]], [0, 0, 1]]) @ pinhole

    drawn = framed
    if camera.table is None:  # the paper reaches beyond the frame
        drawn = _project(np.linalg.inv(matrix), _corners(-2, -2, width + 2, height + 2))
    (left, top), (right, bottom) = drawn.min(axis=0), drawn.max(axis=0)
    # as fine as the photo where it is finest, but no more pixels than it can show
    scale = max(_magnification(matrix, corner) for corner in framed)
    scale = min(scale, float(np.sqrt(1.5 * width * height / ((right - left) * (bottom - top)))))
    columns, lines = (int(np.ceil(scale * length)) for length in (right - left, bottom - top))
    return _View(matrix, width, height, float(left), float(top), scale, columns, lines)


def _magnification(matrix: np.ndarray, point: np.ndarray) -> float:
    """Pixels per mm around a point."""
    around = _project(matrix, point + np.array([[0, 0], [0.1, 0], [0, 0.1]]))
    return float(np.sqrt(abs(np.linalg.det((around[1:] - around[0]) / 0.1))))


def _write(
    strokes: Sequence[_Stroke],
    places: Sequence[_Place],
    pen: Pen,
    view: _View,
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


def _draw(
    stroke: _Stroke, place: _Place, pen: Pen, view: _View, rng: np.random.Generator
) -> tuple[np.ndarray, int, int]:
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


def _sheet(
    ink: np.ndarray,
    paper: Paper,
    pen: Pen,
    strokes: Sequence[_Stroke],
    layout: Layout,
    view: _View,
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
        surface = 1 + 0.5 * paper.grain * _enlarged(clouds, part, view.columns, view.lines)
        surface += paper.grain * rng.standard_normal(surface.shape, np.float32)
        if back is not None:
            surface *= 1 - _enlarged(back, part, view.columns, view.lines)
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
    strokes: Sequence[_Stroke], paper: Paper, layout: Layout, view: _View, rng: np.random.Generator
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


def _enlarged(small: np.ndarray, rows: slice, width: int, height: int) -> np.ndarray:
    """The given rows of a small map, as if it had been enlarged to (height, width)."""
    x, y = small.shape[1] / width, small.shape[0] / height
    matrix = np.array([[x, 0, 0.5 * x - 0.5], [0, y, (rows.start + 0.5) * y - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = width, rows.stop - rows.start
    return cv2.warpAffine(small, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


# The camera


def _on_table(sheet: np.ndarray, camera: Camera, view: _View, rng: np.random.Generator) -> np.ndarray:
    """The sheet in perspective over the table, uint8 RGB."""
    flat = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, view.scale]]) / view.scale  # pixel centres to mm
    flat[:2, 2] += [view.left, view.top]
    to_pixels = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])
    matrix = to_pixels @ view.matrix @ flat
    size = view.width, view.height
    if camera.table is None:
        return cv2.warpPerspective(sheet, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    table = _table(camera.table, view, rng)
    return cv2.warpPerspective(
        sheet, matrix, size, dst=table, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT
    )


def _table(kind: Table, view: _View, rng: np.random.Generator) -> np.ndarray:
    """A table top with the shadow that the sheet casts on it."""
    shrink = min(1.0, TABLE_SIDE / max(view.width, view.height))
    width, height = max(1, round(shrink * view.width)), max(1, round(shrink * view.height))
    tone = rng.uniform(0.85, 1.15)
    colour = {"dark": (58, 54, 52), "wood": (158, 112, 72), "light": (206, 203, 198)}[kind]
    clouds = cv2.resize(rng.normal(0, 1, (8, 8)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    surface = 1 + 0.03 * clouds
    if kind == "wood":  # fibres along one side, bent by slow waves
        rings = 14 * np.linspace(0, 1, height, dtype=np.float32)[:, None] + 0.9 * clouds
        fibres = cv2.resize(rng.normal(0, 1, (height, 6)).astype(np.float32), (width, height))
        surface += 0.09 * np.sin(2 * np.pi * rings) + 0.05 * fibres
    else:
        surface += 0.02 * rng.standard_normal(surface.shape, np.float32)
    edge = _corners(0, 0, view.columns, view.lines) / view.scale + [view.left, view.top]
    away = 0.006 * max(width, height)
    under = np.zeros((height, width), np.float32)
    cv2.fillConvexPoly(under, np.round(shrink * view.project(edge) + away).astype(np.int32), (1.0,))
    surface *= 1 - 0.35 * cv2.GaussianBlur(under, (0, 0), max(0.5, away))
    small = np.clip(surface[..., None] * (tone * np.array(colour, np.float32)), 0, 255).astype(np.uint8)
    return cv2.resize(small, (view.width, view.height), interpolation=cv2.INTER_LINEAR)


def _expose(scene: np.ndarray, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """Light, blur and noise, written over ``scene``."""
    height, width = scene.shape[:2]
    light = _light(width, height, camera, rng)
    warm, cold = max(0.0, camera.warmth), max(0.0, -camera.warmth)
    tint = 1 - 0.22 * cold, 1 - 0.1 * warm - 0.05 * cold, 1 - 0.4 * warm
    if camera.blur > 0:
        cv2.GaussianBlur(scene, (0, 0), camera.blur, dst=scene)
    for top in range(0, height, BAND):
        part = slice(top, min(top + BAND, height))
        lit = _enlarged(light, part, width, height)
        noise, colour_noise = _noise(lit.shape, rng)
        noise *= camera.noise * np.sqrt(0.3 + 0.7 * lit)  # photons: darker parts are noisier for their brightness
        for channel in range(3):
            value = scene[part, :, channel] * (lit * tint[channel]) + noise
            value += 0.4 * camera.noise * colour_noise[..., channel]
            scene[part, :, channel] = np.clip(value + 0.5, 0, 255)
    return scene


def _light(width: int, height: int, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """How much light falls where, float32, small; 1 where nothing takes any away."""
    shrink = min(1.0, LIGHT_SIDE / max(width, height))
    columns, lines = max(1, round(shrink * width)), max(1, round(shrink * height))
    x = np.linspace(-1, 1, columns, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, lines, dtype=np.float32)[:, None]
    direction = rng.uniform(0, 2 * np.pi)
    towards = (np.cos(direction) * x + np.sin(direction) * y) / (abs(np.cos(direction)) + abs(np.sin(direction)))
    light = camera.exposure * (1 - camera.gradient * (1 + towards) / 2)
    light *= 1 - camera.vignetting * ((x**2 + y**2) / 2) ** 1.2
    # drawn in any case, so that a shadow changes nothing else
    middle, angle, reach = rng.uniform(-0.5, 0.5), rng.uniform(0, 2 * np.pi), rng.uniform(0.0, 0.5)
    if camera.shadow > 0:
        shade = _shade(columns, lines, float(middle), float(angle), float(reach))
        softness = max(0.3, camera.shadow_edge * max(columns, lines) / 2)
        light *= 1 - camera.shadow * cv2.GaussianBlur(shade, (0, 0), softness)
    return light.astype(np.float32)


def _shade(columns: int, lines: int, middle: float, angle: float, reach: float) -> np.ndarray:
    """Where a hand holding a phone stands in the light: an arm that comes in from one side, a phone at its end."""
    shade = np.zeros((lines, columns), np.float32)
    half = max(columns, lines) / 2
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    centre = np.array([columns, lines]) / 2 + half * middle * across
    for begin, end, wide in ((reach, 3.0, 0.22), (reach - 0.25, reach + 0.35, 0.42)):
        corners = ((begin, -wide), (begin, wide), (end, wide), (end, -wide))
        outline = np.array([centre + half * (far * along + side * across) for far, side in corners])
        cv2.fillConvexPoly(shade, np.round(outline).astype(np.int32), (1.0,))
    rounded = cv2.GaussianBlur(shade, (0, 0), 0.1 * half)  # hands have no corners
    return (rounded > 0.45).astype(np.float32)


def _noise(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Brightness noise of shape (H, W) and coarser colour noise of shape (H, W, 3), standard deviation 1 each.

    Phones smooth the noise away, colour more than brightness: what is left is blotchy.
    """
    noise = cv2.GaussianBlur(rng.standard_normal(shape, np.float32), (0, 0), 0.6) * np.float32(2.1)
    coarse = rng.standard_normal((shape[0] // 4 + 1, shape[1] // 4 + 1, 3), np.float32)
    return noise, cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_LINEAR) * np.float32(1.5)


def _turned(points: np.ndarray, width: int, height: int, quarter_turns: int) -> np.ndarray:
    """Where points lie once an image of this size has been turned counter-clockwise, as ``np.rot90`` does."""
    for _ in range(quarter_turns % 4):
        points = np.column_stack([points[:, 1], width - points[:, 0]])
        width, height = height, width
    return points


def _as_stored(photo: np.ndarray, orientation: int | None) -> np.ndarray:
    """The pixels that EXIF ``orientation`` turns into ``photo``."""
    match orientation:
        case 2:
            return photo[:, ::-1]
        case 3:
            return photo[::-1, ::-1]
        case 4:
            return photo[::-1]
        case 5:
            return photo.swapaxes(0, 1)
        case 6:
            return np.rot90(photo)
        case 7:
            return photo.swapaxes(0, 1)[::-1, ::-1]
        case 8:
            return np.rot90(photo, -1)
    return photo
