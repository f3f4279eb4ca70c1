"""From photos of sheets to digits with labels: the right way up, in rows, counted, and looked over."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from toolkit.data.sheet_layout import Layout, parse_rows
from toolkit.errors import ToolkitError
from toolkit.images.reading import read_rgb
from toolkit.images.sheet import Digit, Sheet, cut, find_rows, scan
from toolkit.images.template import find_page, flatten, rows_in_boxes

Judge = Callable[[np.ndarray], np.ndarray]  # images, uint8 (N, 1, 28, 28), to probabilities (N, 10)

TEN_ROWS = parse_rows("0123456789")
CLEAR = 0.5  # mean probability of the promised labels from which the photo is the right way up as it is stored
CLEARER = 0.1  # by which a turned photo must read better than as it is stored


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
    probabilities: np.ndarray
    skipped: tuple[tuple[int, int, int, int], ...] = ()

    @property
    def complaints(self) -> dict[int, str]:
        return self.layout.complaints(self.counts)

    def clarity(self) -> float:
        """How well the digits read this way up: the mean probability of the promised labels.

        With a wrong count there are no labels to compare with: then how sure the model is of anything.
        """
        if self.complaints:
            return float(self.probabilities.max(axis=1).mean())
        labels = labels_of(self)
        return float(self.probabilities[np.arange(len(labels)), labels].mean())

    def places(self) -> list[tuple[int, int]]:
        """Row and column of each image, counted from 1, in the order of ``images``."""
        return [(row + 1, column + 1) for row, count in enumerate(self.counts) for column in range(count)]


def read_photo(photo: Path, layout: Layout | None, judge: Judge, skip: Sequence[tuple[int, int]] = ()) -> Reading:
    """Find the digits on a photo, turn it upright, and cut them.

    ``layout`` says what is written; a printed template says it itself, and without either ten rows of twelve are
    expected. ``skip`` names what to leave out, row and column counted from 1 as the overlay picture shows them.
    """
    rgb = read_rgb(photo)
    page = find_page(rgb)
    if page is not None:
        if layout is not None:
            raise ToolkitError(
                f"{photo} shows the printed template, whose boxes say what is written. Leave out --rows and --digit."
            )
        sheet = scan(flatten(rgb, page))
        return _read(photo, sheet, 0, rows_in_boxes(sheet), TEN_ROWS, judge, skip)
    layout = layout or TEN_ROWS
    sheet = scan(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))
    ways = {turns: find_rows(sheet, turns) for turns in range(4)}
    # some places to skip may exist only in the way up that the user saw
    ways = {turns: rows for turns, rows in ways.items() if rows and _exist(skip, rows)} or ways
    # when some way up fits the promise, only those are candidates; the photo as it is stored comes first
    fitting = {turns: rows for turns, rows in ways.items() if not layout.complaints(_counts(rows, skip))}
    readings = []
    for turns, rows in (fitting or ways).items():
        readings.append(_read(photo, sheet, turns, rows, layout, judge, skip))
        if turns == 0 and fitting and readings[0].clarity() > CLEAR:
            return readings[0]
    best = max(readings, key=Reading.clarity)
    return readings[0] if best.clarity() < readings[0].clarity() + CLEARER else best


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
        raise ToolkitError(f"Cannot skip {places} of {photo}: there is no such digit. Look at its overlay picture.")
    left = [
        digit
        for row, digits in enumerate(rows, 1)
        for column, digit in enumerate(digits, 1)
        if (row, column) not in skip
    ]
    if not left:
        raise ToolkitError(
            f"No digits were found on {photo}. Expected dark writing on light paper, or the reverse; "
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
        probabilities=judge(images),
        skipped=tuple(sheet.box_in_photo(rows[row - 1][column - 1]) for row, column in skip),
    )


def labels_of(reading: Reading, accept: bool = False) -> np.ndarray:
    """The label of every image, int64 (N,); ``accept`` takes rows of equal digits as long as they are."""
    rows = reading.layout.labels(reading.counts, accept)
    return np.array([label for row in rows for label in row], dtype=np.int64)


def parse_skips(texts: Sequence[str], photos: Sequence[Path]) -> dict[Path, list[tuple[int, int]]]:
    """``ROW:COL``, or ``PHOTO:ROW:COL`` where there are several photos."""
    skips: dict[Path, list[tuple[int, int]]] = {photo: [] for photo in photos}
    for text in texts:
        parts = re.fullmatch(r"(?:(.*):)?(\d+):(\d+)", text)
        if not parts:
            raise ToolkitError(f"'{text}' names no digit. Give its row and column, as in --skip 3:12.")
        name, row, column = parts.groups()
        named = [photo for photo in photos if name in (None, photo.name, str(photo))]
        if len(named) != 1:
            raise ToolkitError(f"'{text}' does not say which photo. Give its name, as in --skip {photos[0].name}:3:12.")
        skips[named[0]].append((int(row), int(column)))
    return skips
