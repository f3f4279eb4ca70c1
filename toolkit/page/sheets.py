"""The sheet's step: photos that were uploaded, what was found on them, and the corrections a browser sends."""

import io
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from typing_extensions import TypedDict

from toolkit.data.corrections import parse_corrections
from toolkit.data.image_sets import existing_sets, read_all_sets
from toolkit.data.sheet_layout import choose_layouts
from toolkit.data.sheets import Reading
from toolkit.data.splits import USUAL_DIVISION, parse_division
from toolkit.errors import ToolkitError
from toolkit.experiments.cutting import Cutting, cut_sheets, divide, judge_with, read_sheets
from toolkit.images.reading import decode
from toolkit.images.sheet import turn_box
from toolkit.paths import ROOT, atomic_write
from toolkit.reporting.sheet_pictures import draw_sets

SHOWN = 1600  # pixels of a photo's longer side on the page
MOST_PHOTOS = 20
MODEL = "mnist_resnet"


class PhotoCorrections(TypedDict):
    """Of one photo, as the page has them; ``add`` are boxes in pixels of the upright photo."""

    skip: list[str]
    label: dict[str, str]
    add: list[tuple[int, int, int, int]]


class Asked(TypedDict):
    """What somebody says of the photos: what is written, how to divide it, and what to correct on each."""

    rows: str
    digit: str
    per_class: str
    corrections: list[PhotoCorrections]


@dataclass
class SheetDesk:
    """The photos of one visit to the page, and what was last found on them."""

    folder: Path  # for the photos
    digits: Path | None  # where the three sets go
    photos: list[Path] = field(default_factory=list)
    readings: Sequence[Reading] = ()
    cutting: Cutting | None = None
    name: str = field(default_factory=lambda: secrets.token_hex(8))

    def add(self, content: bytes) -> None:
        """Keep an uploaded photo, after the checks of every image file."""
        if len(self.photos) >= MOST_PHOTOS:
            raise ToolkitError(f"{MOST_PHOTOS} photos are enough for one sheet. Cut these first.")
        photo = self.folder / self.name / f"photo_{len(self.photos) + 1}.jpg"
        decode(content, photo.name)
        with atomic_write(photo) as temporary:
            temporary.write_bytes(content)
        self.photos.append(photo)

    def read(self, asked: Asked) -> dict[str, Any]:
        """What is found; the sets can be made when it is what was promised."""
        self.cutting = None
        arguments = self._arguments(asked)
        division, layouts = arguments["division"], arguments["layouts"]
        corrections = parse_corrections(self.photos, arguments["skip"], arguments["label"], arguments["add"])
        judge = judge_with(MODEL)
        self.readings = read_sheets(self.photos, layouts, corrections, division, judge)
        reason = ""
        if not any(reading.complaints for reading in self.readings):
            try:
                self.cutting = divide(self.readings, False, division, 0, judge)
            except ToolkitError as error:
                reason = str(error)
        return {
            "photos": [self._record(number) for number in range(len(self.photos))],
            "ready": self.cutting is not None,
            "reason": reason,
            "exist": [path.name for path in existing_sets(self.digits or ROOT)],
        }

    def make(self, asked: Asked) -> Path:
        """Cut the three sets, the former ones put aside; returns the run's folder."""
        return cut_sheets(self.photos, out=self.digits, replace=True, model=MODEL, **self._arguments(asked))

    def picture(self, number: int) -> bytes:
        """A photo, upright, as JPEG."""
        reading = self.readings[number]
        image = Image.fromarray(np.ascontiguousarray(np.rot90(reading.picture, reading.turns)))
        image.thumbnail((SHOWN, SHOWN))
        return _encoded(image, "JPEG")

    def contact_sheet(self) -> bytes:
        """The sets that would be made, as PNG."""
        if self.cutting is None:
            raise ToolkitError("The counts are not right yet. Correct the photos first.")
        return _encoded(self.cutting.contact_sheet(), "PNG")

    def _arguments(self, asked: Asked) -> dict[str, Any]:
        """What the command line would pass to ``cut_sheets``."""
        if not self.photos:
            raise ToolkitError("There is no photo yet. Upload one.")
        division = parse_division(asked["per_class"]) if asked["per_class"] else None
        rows, digit = asked["rows"] or None, asked["digit"] or None
        named = list(zip(self.photos, asked["corrections"], strict=False))
        return {
            "layouts": choose_layouts(self.photos, rows, digit, (division or USUAL_DIVISION).row),
            "division": division,
            "skip": [f"{photo.name}:{place}" for photo, own in named for place in own["skip"]],
            "label": [f"{photo.name}:{at}={name}" for photo, own in named for at, name in own["label"].items()],
            "add": [
                f"{photo.name}:{','.join(map(str, self._stored(number, box)))}"
                for number, (photo, own) in enumerate(named)
                for box in own["add"]
            ],
        }

    def _stored(self, number: int, box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        """A box of the upright photo in the photo as it is stored."""
        if number >= len(self.readings):
            raise ToolkitError("This photo has not been read yet, so no frame can be added to it.")
        reading = self.readings[number]
        height, width = reading.picture.shape
        return turn_box(box, -reading.turns, *((height, width) if reading.turns % 2 else (width, height)))

    def _record(self, number: int) -> dict[str, Any]:
        reading = self.readings[number]
        height, width = reading.picture.shape
        labels = self.cutting.labels[number] if self.cutting else None
        doubts = self.cutting.doubts_of(number) if self.cutting else None
        surest = reading.probabilities.argmax(axis=1)
        frames = [
            {
                "box": turn_box(box, reading.turns, width, height),
                "place": "{}:{}".format(*reading.found[i]),
                "label": labels[i] if labels else reading.given[i] or reading.known[surest[i]],
                "doubt": "; ".join(doubts[i]) if doubts else "",
                "wrong": -1 in reading.complaints or row - 1 in reading.complaints,
            }
            for i, (box, (row, _)) in enumerate(zip(reading.boxes, reading.places(), strict=True))
        ]
        return {
            "width": height if reading.turns % 2 else width,
            "height": width if reading.turns % 2 else height,
            "turned": 90 * reading.turns,
            "frames": frames,
            "left_out": [turn_box(box, reading.turns, width, height) for box in reading.skipped],
            "counts": reading.counts,
            "complaints": list(reading.complaints.values()),
        }


def present_sets(digits: Path | None) -> bytes:
    """The sets that there are, as PNG."""
    sets = read_all_sets(digits)
    none: Mapping[str, list[list[str]]] = {name: [[] for _ in images.labels] for name, images in sets.items()}
    return _encoded(draw_sets(sets, none, "the sets as they are"), "PNG")


def _encoded(image: Image.Image, form: str) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, quality=85)
    return stream.getvalue()
