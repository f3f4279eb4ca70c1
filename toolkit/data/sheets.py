"""From photos of sheets to images with labels: the right way up, in rows, counted, and looked over."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from toolkit.classes import DIGITS, natural_order
from toolkit.data.sheet_layout import Layout, PageCode, parse_code, parse_rows
from toolkit.errors import ToolkitError
from toolkit.images.likeness import likeness_to_classes
from toolkit.images.reading import read_rgb
from toolkit.images.sheet import Digit, Sheet, cut, find_rows, scan
from toolkit.images.template import Page, find_page, flatten, read_code, rows_in_boxes

TEN_ROWS = parse_rows("".join(DIGITS))
CLEAR = 0.5  # mean probability of the promised labels from which the photo is the right way up as it is stored
CLEARER = 0.1  # by which a turned photo must read better than as it is stored


@dataclass(frozen=True)
class Judge:
    """A model as a witness: ``read`` turns images, uint8 (N, 1, 28, 28), into probabilities (N, C) of its classes."""

    read: Callable[[np.ndarray], np.ndarray]
    classes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Reading:
    """What was found on one photo, before anyone promised how much there is.

    ``images`` is uint8 (N, 1, 28, 28), row by row; ``boxes`` are left, top, right and bottom of each in pixels of
    ``picture``, uint8 (H, W), which ``turns`` quarters counter-clockwise bring upright. ``skipped`` were left out.
    """

    photo: Path
    picture: np.ndarray
    turns: int
    layout: Layout
    counts: tuple[int, ...]
    images: np.ndarray
    boxes: tuple[tuple[int, int, int, int], ...]
    probabilities: np.ndarray  # (N, C): what the judge, who knows C classes, reads
    known: tuple[str, ...]  # these classes
    skipped: tuple[tuple[int, int, int, int], ...] = ()
    code: PageCode | None = None  # of a printed page that has one

    @property
    def complaints(self) -> dict[int, str]:
        return self.layout.complaints(self.counts)

    def clarity(self) -> float:
        """How well the images read this way up: the mean probability of the promised classes that the judge knows.

        Of others, the writer's own images tell: the share that is likest to the rest of the promised class. With a
        wrong count there are no labels to compare with: then how sure the judge is of anything.
        """
        if self.complaints:
            return float(self.probabilities.max(axis=1).mean())
        names = labels_of(self)
        known = [number for number, name in enumerate(names) if name in self.known]
        if known:
            return float(np.mean([self.probabilities[number, self.known.index(names[number])] for number in known]))
        classes = natural_order(names)
        labels = np.array([classes.index(name) for name in names])
        return float((likeness_to_classes(self.images, labels, len(classes)).argmax(axis=1) == labels).mean())

    def places(self) -> list[tuple[int, int]]:
        """Row and column of each image, counted from 1, in the order of ``images``."""
        return [(row + 1, column + 1) for row, count in enumerate(self.counts) for column in range(count)]


def read_photo(
    photo: Path,
    layout: Layout | None,
    judge: Judge,
    skip: Sequence[tuple[int, int]] = (),
    usual: Layout = TEN_ROWS,
) -> Reading:
    """Find what is written on a photo, turn it upright, and cut it.

    ``layout`` says what is written; a printed template says it itself, and without either the ``usual`` rows are
    expected. ``skip`` names what to leave out, row and column counted from 1 as the overlay picture shows them.
    """
    rgb = read_rgb(photo)
    page = find_page(rgb)
    if page is not None:
        if layout is not None:
            raise ToolkitError(
                f"{photo} shows the printed template, whose boxes say what is written. Leave out --rows and --digit."
            )
        code = _code_of(photo, rgb, page) if page.coded else None
        printed = code.layout if code else TEN_ROWS
        sheet = scan(flatten(rgb, page), dots=not _digits_alone(printed))
        rows = rows_in_boxes(sheet, [len(row) for row in printed.rows])
        return replace(_read(photo, sheet, 0, rows, printed, judge, skip), code=code)
    layout = layout or usual
    sheet = scan(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), dots=not _digits_alone(layout))
    ways = {turns: find_rows(sheet, turns) for turns in range(4)}
    if not _digits_alone(layout) and not any(_fits(layout, rows, skip) for rows in ways.values()):
        flat = {turns: find_rows(sheet, turns, flat=True) for turns in range(4)}
        ways = flat if any(_fits(layout, rows, skip) for rows in flat.values()) else ways
    # some places to skip may exist only in the way up that the user saw
    ways = {turns: rows for turns, rows in ways.items() if rows and _exist(skip, rows)} or ways
    # when some way up fits the promise, only those are candidates; the photo as it is stored comes first
    fitting = {turns: rows for turns, rows in ways.items() if _fits(layout, rows, skip)}
    readings = []
    for turns, rows in (fitting or ways).items():
        readings.append(_read(photo, sheet, turns, rows, layout, judge, skip))
        if turns == 0 and fitting and readings[0].clarity() > CLEAR:
            return readings[0]
    clarity = [reading.clarity() for reading in readings]
    best = int(np.argmax(clarity))
    if clarity[best] >= clarity[0] + CLEARER:
        return readings[best]
    if fitting and readings[0].turns and any(abs(other - clarity[0]) < CLEARER for other in clarity[1:]):
        raise ToolkitError(
            f"{photo} does not show which way up it is: its rows fit when turned left and when turned right. Turn the "
            "photo upright, write on a printed template, or name a model that knows these classes (--model)."
        )
    return readings[0]


def _code_of(photo: Path, rgb: np.ndarray, page: Page) -> PageCode:
    text = read_code(rgb, page)
    if text is None:
        raise ToolkitError(
            f"{photo} shows a printed page, but its code (in the bottom margin) cannot be read. Take the photo closer, "
            "sharp, with the whole page in it."
        )
    try:
        return parse_code(text)
    except ToolkitError as error:
        raise ToolkitError(f"{photo}: {error}") from error


def _digits_alone(layout: Layout) -> bool:
    return {*(name for row in layout.rows for name in row), layout.one or "0"} <= set(DIGITS)


def _fits(layout: Layout, rows: list[list[Digit]], skip: Sequence[tuple[int, int]]) -> bool:
    return not layout.complaints(_counts(rows, skip))


def _exist(places: Sequence[tuple[int, int]], rows: list[list[Digit]]) -> bool:
    return all(1 <= row <= len(rows) and 1 <= column <= len(rows[row - 1]) for row, column in places)


def _counts(rows: list[list[Digit]], skip: Sequence[tuple[int, int]]) -> list[int]:
    """How many digits are left in each row."""
    return [len(digits) - sum(row == number for row, _ in skip) for number, digits in enumerate(rows, 1)]


def _read(
    photo: Path,
    sheet: Sheet,
    turns: int,
    rows: list[list[Digit]],
    layout: Layout,
    judge: Judge,
    skip: Sequence[tuple[int, int]],
) -> Reading:
    if not _exist(skip, rows):
        places = ", ".join(f"{row}:{column}" for row, column in skip)
        raise ToolkitError(f"Cannot skip {places} of {photo}: nothing was found there. Look at its overlay picture.")
    left = [
        digit
        for row, digits in enumerate(rows, 1)
        for column, digit in enumerate(digits, 1)
        if (row, column) not in skip
    ]
    if not left:
        raise ToolkitError(
            f"No writing was found on {photo}. Expected dark writing on light paper, or the reverse; "
            "take the photo closer, in even light."
        )
    images = np.stack([cut(sheet, digit, turns) for digit in left])[:, None]
    return Reading(
        photo=photo,
        picture=sheet.grey,
        turns=turns,
        layout=layout,
        counts=tuple(_counts(rows, skip)),
        images=images,
        boxes=tuple(sheet.box_in_photo(digit) for digit in left),
        probabilities=judge.read(images),
        known=judge.classes,
        skipped=tuple(sheet.box_in_photo(rows[row - 1][column - 1]) for row, column in skip),
    )


def labels_of(reading: Reading, accept: bool = False) -> list[str]:
    """The class of every image; ``accept`` takes rows of equal classes as long as they are."""
    return [name for row in reading.layout.labels(reading.counts, accept) for name in row]


def parse_skips(texts: Sequence[str], photos: Sequence[Path]) -> dict[Path, list[tuple[int, int]]]:
    """``ROW:COL``, or ``PHOTO:ROW:COL`` where there are several photos."""
    skips: dict[Path, list[tuple[int, int]]] = {photo: [] for photo in photos}
    for text in texts:
        parts = re.fullmatch(r"(?:(.*):)?(\d+):(\d+)", text)
        if not parts:
            raise ToolkitError(f"'{text}' names no place. Give row and column, as in --skip 3:12.")
        name, row, column = parts.groups()
        named = [photo for photo in photos if name in (None, photo.name, str(photo))]
        if len(named) != 1:
            raise ToolkitError(f"'{text}' does not say which photo. Give its name, as in --skip {photos[0].name}:3:12.")
        skips[named[0]].append((int(row), int(column)))
    return skips
