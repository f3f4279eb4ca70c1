"""What somebody who looked at a cut photo corrects: images to leave out, of another class, or missed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from toolkit.classes import check_name
from toolkit.errors import ToolkitError
from toolkit.images.box import Box

Place = tuple[int, int]  # row and column, counted from 1, as they were found; row 0 holds the frames that were added
PLACE, FRAME = r"(\d{1,4}):(\d{1,4})", r"(\d{1,5}),(\d{1,5}),(\d{1,5}),(\d{1,5})"


@dataclass(frozen=True)
class Corrections:
    """Of one photo: places to ``skip``, classes by place instead of those promised, and frames that were missed."""

    skip: frozenset[Place] = frozenset()
    labels: Mapping[Place, str] = field(default_factory=dict)
    added: tuple[Box, ...] = ()  # in pixels of the photo

    def missing(self, rows: Sequence[Sequence[object]]) -> list[str]:
        """The places that do not exist in ``rows`` as they were found, as one writes them."""
        counts = dict(enumerate(map(len, [self.added, *rows])))
        places = sorted({*self.skip, *self.labels})
        return [f"{row}:{column}" for row, column in places if not 1 <= column <= counts.get(row, 0)]


NOTHING = Corrections()


def parse_corrections(
    photos: Sequence[Path], skip: Sequence[str] = (), label: Sequence[str] = (), add: Sequence[str] = ()
) -> dict[Path, Corrections]:
    """By photo: ``ROW:COL`` to skip, ``ROW:COL=CLASS``, ``LEFT,TOP,RIGHT,BOTTOM`` to add.

    Where there are several photos, a photo's name and a colon come first. Raises ``ToolkitError`` for anything else.
    """
    skips = [_of_photo(text, PLACE, "--skip 3:12", photos) for text in skip]
    labels = [_of_photo(text, PLACE + "=(.+)", "--label 3:12=7", photos) for text in label]
    frames = [_of_photo(text, FRAME, "--add 40,60,90,140", photos) for text in add]
    return {
        photo: Corrections(
            frozenset((int(row), int(column)) for own, (row, column) in skips if own == photo),
            {(int(row), int(column)): check_name(name) for own, (row, column, name) in labels if own == photo},
            tuple(Box(*map(int, edges)) for own, edges in frames if own == photo),
        )
        for photo in photos
    }


def _of_photo(text: str, form: str, as_in: str, photos: Sequence[Path]) -> tuple[Path, tuple[str, ...]]:
    parts = re.fullmatch(rf"(?:(.*):)?{form}", text)
    if not parts:
        raise ToolkitError(f"'{text}' names no place. Give it as in {as_in}.")
    name, *rest = parts.groups()
    named = [photo for photo in photos if name in (None, photo.name, str(photo))]
    if len(named) != 1:
        option, example = as_in.split()
        raise ToolkitError(
            f"'{text}' does not say which photo. Give its name, as in {option} {photos[0].name}:{example}."
        )
    return named[0], tuple(rest)
