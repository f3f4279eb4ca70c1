"""A small sheet with nothing but ink on even paper, so that what one parameter adds can be told."""

from dataclasses import replace

import numpy as np
from PIL import ExifTags, Image, ImageOps

from benchmarks.example_digits import writer_ink
from benchmarks.simulate import (
    Camera,
    Layout,
    Paper,
    Pen,
    SimulatedSheet,
    simulate_sheet,
)

GLYPHS = writer_ink(3)
ROWS = ("0123", "4567", "8901")
PAPER = Paper(size=(100.0, 75.0), grain=0.0)
PEN = Pen(darkness=0.9, width=0.8, pressure=0.0, grain=0.0)
LAYOUT = Layout(height=12.0, height_spread=0.0, jitter=0.0, lean=0.0)
CAMERA = Camera(megapixels=0.12, table=None, margin=0.05, blur=0.0, noise=0.0)


def sheet(paper=PAPER, pen=PEN, camera=CAMERA, layout=LAYOUT, seed=0, rows=ROWS) -> SimulatedSheet:
    return simulate_sheet(GLYPHS, rows, paper, pen, camera, layout, seed)


def upright(taken: SimulatedSheet) -> np.ndarray:
    """The photo as Pillow shows it."""
    image = Image.fromarray(taken.photo)
    if taken.orientation is not None:
        image.getexif()[ExifTags.Base.Orientation] = taken.orientation
    return np.asarray(ImageOps.exif_transpose(image)).astype(int)


def ink(pen=PEN, **given) -> np.ndarray:
    """How much each pixel changes by the ink: the same photo with and without."""
    with_ink, without = (upright(sheet(pen=used, **given)) for used in (pen, replace(pen, darkness=0.0)))
    return np.abs(with_ink - without).max(axis=2)


def grey(**given) -> np.ndarray:
    return upright(sheet(**given)).mean(axis=2)


def blank(**given) -> np.ndarray:
    """The grey values of a photo without ink."""
    return grey(pen=replace(PEN, darkness=0.0), **given)


def assert_boxes_are_where_the_ink_is(**given) -> None:
    taken, difference = sheet(**given), ink(**given)
    inked = difference > 0.4 * difference.max()
    for digit in taken.digits:
        left, top, right, bottom = digit.box
        rows, columns = (slice(max(0, round(a) - 3), round(b) + 3) for a, b in ((top, bottom), (left, right)))
        inside = inked[rows, columns]
        y, x = np.flatnonzero(inside.any(axis=1)) + rows.start, np.flatnonzero(inside.any(axis=0)) + columns.start
        np.testing.assert_allclose([x[0], y[0], x[-1] + 1, y[-1] + 1], digit.box, atol=2.0)
        inked[rows, columns] = False
    assert not inked.any()


def rows_fall(taken: SimulatedSheet) -> float:
    """By how many degrees the last row falls to the right."""
    centres = np.array([digit.centre for digit in taken.digits if digit.row == 2])
    return float(np.degrees(np.arctan(np.polyfit(centres[:, 0], centres[:, 1], 1)[0])))
