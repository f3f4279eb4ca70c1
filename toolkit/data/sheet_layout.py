"""What was written on a sheet: which digits stand in which row, said in one word."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.data.image_sets import PER_DIGIT
from toolkit.errors import ToolkitError

PER_ROW = sum(PER_DIGIT.values())  # a row of one digit holds what the three sets need


@dataclass(frozen=True)
class Layout:
    """The digits that were promised, a text per row; or one ``digit``, as often as it was found."""

    rows: tuple[str, ...] = ()
    digit: int | None = None

    def complaints(self, found: Sequence[int]) -> dict[int, str]:
        """What is wrong with rows of so many digits: row number, counted from 0, and a sentence; empty if they fit.

        Where even the number of rows differs there is no telling which is too much: the key is -1.
        """
        if self.digit is not None:
            return {}
        if len(found) != len(self.rows):
            counts = ", ".join(map(str, found)) or "none"
            return {-1: f"{len(found)} rows found, expected {len(self.rows)}; digits per row: {counts}"}
        return {
            number: f"row {number + 1} ({_shown(row)}) has {count} digits, expected {len(row)}"
            for number, (row, count) in enumerate(zip(self.rows, found, strict=True))
            if count != len(row)
        }

    @property
    def equal_rows(self) -> bool:
        """Whether every row holds one digit over and over, so that its length does not matter to the labels."""
        return all(len(set(row)) == 1 for row in self.rows)

    def labels(self, found: Sequence[int], accept: bool = False) -> list[list[int]]:
        """Every digit's label, row by row; ``accept`` takes rows of equal digits, however long they are."""
        if self.digit is not None:
            return [[self.digit] * count for count in found]
        labels = []
        for row, count in zip(self.rows, found, strict=True):
            if count != len(row) and not (accept and len(set(row)) == 1):
                raise ToolkitError(f"A row of {count} digits cannot be '{row}'.")
            labels.append([int(row[0])] * count if count != len(row) else [int(digit) for digit in row])
        return labels


def parse_rows(text: str) -> Layout:
    """``0123456789``: a row of twelve for each. ``"0123 4567"`` or ``0123/4567``: rows of just these digits.

    A slash at the end makes a single word one such row. Raises ``ToolkitError`` for anything but digits.
    """
    words = [word for word in re.split(r"[\s/]+", text) if word]
    if not words or not all(word.isascii() and word.isdigit() for word in words):
        raise ToolkitError(
            f"Rows '{text}' are no digits. Give one digit per row of {PER_ROW}, as in 0123456789, or the digits of "
            "every row, as in '0123456789 0137486952'."
        )
    if len(words) == 1 and not text.strip().endswith("/"):
        return Layout(tuple(digit * PER_ROW for digit in words[0]))
    return Layout(tuple(words))


def _shown(row: str) -> str:
    return f"the {row[0]}s" if len(set(row)) == 1 else row


def choose_layouts(photos: Sequence[Path], rows: str | None, digit: str | None) -> list[Layout | None]:
    """What the options say of each photo: ``None`` where they say nothing."""
    if rows is not None and digit is not None:
        raise ToolkitError("--rows and --digit contradict each other. Give one of them.")
    if digit == "name":
        return [digit_in_name(photo) for photo in photos]
    if digit is not None:
        if not re.fullmatch("[0-9]", digit):
            raise ToolkitError(f"--digit {digit} is no digit. Give 0 to 9, or 'name' to take it from the file names.")
        return [Layout(digit=int(digit))] * len(photos)
    if rows is None:
        return [None] * len(photos)
    parts = rows.split(",")
    if len(parts) not in (1, len(photos)):
        raise ToolkitError(
            f"--rows '{rows}' describes {len(parts)} photos, but {len(photos)} are named. Give one part for all, or "
            "one for each with commas between."
        )
    return [parse_rows(part) for part in (parts if len(parts) > 1 else parts * len(photos))]


def digit_in_name(photo: Path) -> Layout:
    """The one digit that a photo shows, taken from its file name, which must hold exactly one."""
    numbers = re.findall(r"\d+", photo.stem)
    if len(numbers) != 1 or len(numbers[0]) != 1:
        raise ToolkitError(f"{photo.name} does not name one digit. Rename it, as in zeros_0.jpg, or use --digit 0.")
    return Layout(digit=int(numbers[0]))
