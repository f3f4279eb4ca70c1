"""Simulated photos of handwritten sheets, with the place of every digit known.

A sheet is written flat, as ink over paper, in millimetres; a camera then looks at it: perspective, table, light,
shadow, blur and noise. Real photos say little about where a cutter fails, since each has all its faults at once;
here every fault has its own parameter. Strengths are taken from real photos of handwriting: pencil is 15 to 30 %
darker than its paper, corners of phone photos lose up to 40 % of the light.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import numpy as np
from PIL import ExifTags, Image

from benchmarks.simulate.camera import Camera, Table, as_stored, look_at, turned
from benchmarks.simulate.light import expose, lay_on_table
from benchmarks.simulate.paper import CHALKBOARD, TEN_ROWS, WHITEBOARD, Layout, Paper, PaperKind, place_signs
from benchmarks.simulate.pen import BALLPOINT, CHALK, FINELINER, MARKER, PENCIL, WHITEBOARD_MARKER, Pen, write
from benchmarks.simulate.surface import draw_sheet
from benchmarks.simulate.writers import strokes_of
from toolkit.classes import natural_order
from toolkit.errors import ToolkitError
from toolkit.paths import atomic_write

__all__ = [
    "BALLPOINT", "CHALK", "CHALKBOARD", "FINELINER", "MARKER", "PENCIL", "TEN_ROWS", "WHITEBOARD", "WHITEBOARD_MARKER",
    "Camera", "Layout", "Paper", "Pen", "PlacedDigit", "SimulatedSheet", "save_photo", "simulate_sheet",
]  # fmt: skip


@dataclass(frozen=True)
class PlacedDigit:
    """One digit and where its ink lies in the photo as one looks at it."""

    row: int
    column: int
    label: str
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
    glyphs: Mapping[str, Sequence[np.ndarray]],
    rows: Sequence[Sequence[str]] = TEN_ROWS,
    paper: Paper = Paper(),
    pen: Pen = BALLPOINT,
    camera: Camera = Camera(),
    layout: Layout = Layout(),
    seed: int = 0,
) -> SimulatedSheet:
    """Photograph a sheet with ``rows`` of class names; the same seed gives the same bytes.

    ``glyphs`` are a writer's signs, for each class ink bright on black, uint8 of shape (H, W), used in order and
    from the beginning again where they run out. Raises ``ToolkitError`` for a class without a glyph, writing that
    does not fit on the paper, and values that make no sense.
    """
    _check(rows, glyphs, paper, pen, camera, layout)
    writing, surface, taking = np.random.default_rng(seed).spawn(3)  # a new pen leaves the camera's noise alone
    strokes = strokes_of(rows, glyphs)
    places = place_signs(rows, paper, layout, writing)
    view = look_at(paper, camera, places, layout, taking)
    ink, hulls = write(strokes, places, pen, view, writing)
    scene = lay_on_table(draw_sheet(ink, paper, pen, strokes, layout, view, surface), camera, view, taking)
    photo = expose(scene, camera, taking)
    digits = []
    for place, hull in zip(places, hulls, strict=True):
        seen = turned(view.project(hull), view.width, view.height, camera.quarter_turns)
        (left, top), (right, bottom) = seen.min(axis=0), seen.max(axis=0)
        box = float(left), float(top), float(right), float(bottom)
        digits.append(PlacedDigit(place.row, place.column, place.label, box))
    stored = as_stored(np.rot90(photo, camera.quarter_turns), camera.orientation)
    return SimulatedSheet(np.ascontiguousarray(stored), camera.orientation, camera.jpeg_quality, tuple(digits))


def save_photo(sheet: SimulatedSheet, path: Path) -> None:
    """Write the photo as JPEG with its EXIF orientation, if it has one."""
    exif = Image.Exif()
    if sheet.orientation is not None:
        exif[ExifTags.Base.Orientation] = sheet.orientation
    with atomic_write(path) as temporary:
        Image.fromarray(sheet.photo).save(temporary, "JPEG", quality=sheet.jpeg_quality, exif=exif)


def _check(
    rows: Sequence[Sequence[str]],
    glyphs: Mapping[str, Sequence[np.ndarray]],
    paper: Paper,
    pen: Pen,
    camera: Camera,
    layout: Layout,
) -> None:
    written = [name for row in rows for name in row]
    if not written:
        raise ToolkitError("Nothing is to be written. Expected rows of classes.")
    if missing := natural_order(name for name in written if not glyphs.get(name)):
        raise ToolkitError(
            f"There is no glyph for {', '.join(missing)}. Give an image or more for each class in the rows."
        )
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
