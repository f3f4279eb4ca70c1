"""What was written on a sheet: which classes stand in which row, said in one word or by a printed page's code."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.classes import check_name, things
from toolkit.data.splits import USUAL_DIVISION, Division, parse_division
from toolkit.errors import ToolkitError
from toolkit.images.template import COLUMNS, ROWS, Printed

MOST_PAGES = 500
Row = tuple[str, ...]  # the class of each place, from left to right
PLACE = re.compile(r"(?:\[([^\[\]]*)\]|([^\s\[\]/,*]))(?:\*(\d{1,4}(?!\d)))?")  # A, [alpha], A*12


@dataclass(frozen=True)
class Layout:
    """The classes that were promised, row by row; or ``one`` class, as often as it was found.

    Rows of one class may be of any length where ``free`` says so.
    """

    rows: tuple[Row, ...] = ()
    one: str | None = None
    free: bool = False

    @property
    def classes(self) -> set[str]:
        """The classes that were promised."""
        return {name for row in self.rows for name in row} if self.one is None else {self.one}

    def complaints(self, found: Sequence[int]) -> dict[int, str]:
        """What is wrong with rows of so many images: row number, counted from 0, and a sentence; empty if they fit.

        Where even the number of rows differs there is no telling which is too much: the key is -1.
        """
        if self.one is not None:
            return {}
        what = things(self.classes)
        if len(found) != len(self.rows):
            counts = ", ".join(map(str, found)) or "none"
            return {-1: f"{len(found)} rows found, expected {len(self.rows)}; {what} per row: {counts}"}
        return {
            number: f"row {number + 1} ({_shown(row)}) has {count} {what}, expected {len(row)}"
            for number, (row, count) in enumerate(zip(self.rows, found, strict=True))
            if count != len(row) and not (self.free and _equal(row))
        }

    @property
    def equal_rows(self) -> bool:
        """Whether every row holds one class over and over, so that its length does not matter to the labels."""
        return all(map(_equal, self.rows))

    def labels(self, found: Sequence[int]) -> list[Row]:
        """Every image's class, row by row; a row of equal classes may be as long as it is."""
        if self.one is not None:
            return [(self.one,) * count for count in found]
        labels = []
        for row, count in zip(self.rows, found, strict=True):
            if count != len(row) and not _equal(row):
                raise ToolkitError(f"A row of {count} {things(row)} cannot be '{_shown(row)}'.")
            labels.append(row if count == len(row) else row[:1] * count)
        return labels


def parse_rows(text: str, per_row: int | None = USUAL_DIVISION.row) -> Layout:
    """``ABC``: a row of ``per_row`` for each (any number for ``None``). ``"ABC DEF"`` or ``ABC/DEF``: just these rows.

    A name of more than one letter stands in brackets, ``*N`` repeats the one before: ``[alpha]*10``. A slash at the
    end makes a single word one such row. Raises ``ToolkitError`` for anything else.
    """
    words = [word for word in re.split(r"[\s/]+(?![^\[\]]*\])", text) if word]
    rows = [_parse_row(word) for word in words]
    if not rows:
        raise ToolkitError(
            "--rows says nothing. Give one class per row, as in 0123456789, or every row's, as in 'ABC DEF'."
        )
    if len(words) == 1 and not text.strip().endswith("/") and "*" not in text:
        return Layout(tuple((name,) * (per_row or 1) for name in rows[0]), free=per_row is None)
    return Layout(tuple(rows))


def _parse_row(word: str) -> Row:
    places = list(PLACE.finditer(word))
    if "".join(place.group() for place in places) != word:
        raise ToolkitError(
            f"Row '{word[:40]}' cannot be read. Write one class after the other: a letter or sign each, longer "
            "names in brackets, as in [alpha][beta], and A*12 for twelve of A."
        )
    names = ((check_name(place[1] or place[2] or ""), int(place[3] or 1)) for place in places)
    return tuple(name for name, count in names for _ in range(count))


def _equal(row: Row) -> bool:
    return len(set(row)) == 1


def _shown(row: Row) -> str:
    if _equal(row):
        return f"the {row[0]}s" if row[0].isalnum() else f"all {row[0]}"
    return _spelt(row)


def _spelt(row: Row) -> str:
    return "".join(name if len(name) == 1 else f"[{name}]" for name in row)


def choose_layouts(
    photos: Sequence[Path], rows: str | None, one: str | None, per_row: int | None = USUAL_DIVISION.row
) -> list[Layout | None]:
    """What the options ``--rows`` and ``--digit`` (``one``) say of each photo: ``None`` where they say nothing."""
    if rows is not None and one is not None:
        raise ToolkitError("--rows and --digit contradict each other. Give one of them.")
    if one == "name":
        return [class_in_name(photo) for photo in photos]
    if one is not None:
        return [Layout(one=check_name(one))] * len(photos)
    if rows is None:
        return [None] * len(photos)
    parts = rows.split(",")
    if len(parts) not in (1, len(photos)):
        raise ToolkitError(
            f"--rows '{rows}' describes {len(parts)} photos, but {len(photos)} are named. Give one part for all, or "
            "one for each with commas between."
        )
    return [parse_rows(part, per_row) for part in (parts if len(parts) > 1 else parts * len(photos))]


def class_in_name(photo: Path) -> Layout:
    """The one class that a photo shows, taken from its file name: its only digit, or without any its last word."""
    numbers = re.findall(r"\d+", photo.stem)
    if not numbers and "_" in photo.stem:
        return Layout(one=check_name(photo.stem.rpartition("_")[2]))
    if len(numbers) != 1 or len(numbers[0]) != 1:
        raise ToolkitError(
            f"{photo.name} does not name one digit, nor a class after a low line. Rename it, as in zeros_0.jpg or "
            "letters_A.jpg, or use --digit 0."
        )
    return Layout(one=numbers[0])


@dataclass(frozen=True)
class PageCode:
    """What a printed page's code says: its number and how many belong together, how to divide, what stands in rows."""

    number: int
    pages: int
    division: Division
    layout: Layout

    def __str__(self) -> str:
        rows = " ".join(f"{_spelt(row[:1])}*{len(row)}" for row in self.layout.rows)
        return f"{self.number}/{self.pages} {self.division} {rows}"


def parse_code(text: str) -> PageCode:
    """The inverse of ``str(PageCode)``; a ``ToolkitError`` for any other code."""
    found = re.fullmatch(r"(\d{1,3})/(\d{1,3}) ([\d,]{5,20}) (.+\*\d+)", text)
    if not found:
        raise ToolkitError(f"The page's code says {text[:40]!a}, which this toolkit did not print. Print a new page.")
    layout = parse_rows(found[4])
    if len(layout.rows) > ROWS or max(map(len, layout.rows)) > COLUMNS or not layout.equal_rows:
        raise ToolkitError(f"The page's code promises {len(layout.rows)} rows that fit no page. Print a new page.")
    return PageCode(int(found[1]), int(found[2]), parse_division(found[3]), layout)


def template_pages(classes: Sequence[str], division: Division) -> list[Printed]:
    """The pages to print for so many images of each class; a ``ToolkitError`` for shares, which are no number."""
    if division.row is None:
        raise ToolkitError(f"--per-class {division} is no number of boxes. Give counts for the page, as in 8,2,2.")
    whole, rest = divmod(division.row, COLUMNS)
    rows = [(name, boxes) for name in classes for boxes in (*[COLUMNS] * whole, rest) if boxes]
    pages = [tuple(rows[begin : begin + ROWS]) for begin in range(0, len(rows), ROWS)]
    if len(pages) > MOST_PAGES:
        raise ToolkitError(
            f"{len(classes)} classes take {len(pages)} pages. Print {MOST_PAGES} at most, fewer of each."
        )
    printed = []
    for number, page in enumerate(pages, 1):
        code = PageCode(number, len(pages), division, Layout(tuple((name,) * boxes for name, boxes in page)))
        printed.append(Printed(page, str(code), f"Page {number} of {len(pages)}" if len(pages) > 1 else ""))
    return printed
