"""The sheet's step: photos that were uploaded, what was found on them, and the corrections a browser sends."""

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from PIL import Image
from pydantic import Field
from typing_extensions import TypedDict

from toolkit.classes import check_name
from toolkit.data.corrections import NOTHING, parse_corrections
from toolkit.data.image_sets import existing_sets, read_all_sets
from toolkit.data.sheet_layout import Layout, choose_layouts
from toolkit.data.sheets import Reading
from toolkit.data.splits import USUAL_DIVISION, parse_division
from toolkit.errors import ToolkitError
from toolkit.experiments.cutting import Cutting, cut_sheets, divide, judge_with, read_sheet
from toolkit.images.box import Box
from toolkit.images.reading import decode, read_grey
from toolkit.paths import ROOT, write_file
from toolkit.reporting.sheet_pictures import draw_sets, encoded

SHOWN = 1600  # pixels of a photo's longer side on the page
MOST_PHOTOS = 20
MODEL = "mnist_resnet"
# letters: what they may stand for, A*9999, is two thousand times as long
Words = Annotated[str, Field(max_length=4000)]


class PhotoCorrections(TypedDict):
    """Of one photo, as the page has them; ``add`` are boxes in pixels of the upright photo."""

    skip: list[str]
    label: dict[str, str]
    add: list[Box]


class Asked(TypedDict):
    """What somebody says of the photos: what is written, how to divide it, and what to correct on each."""

    rows: Words
    digit: Words
    per_class: Words
    corrections: list[PhotoCorrections]


@dataclass(frozen=True)
class Seen:
    """What was found on a photo that ``said`` so much about it; of its picture only the size, and a JPEG to show."""

    said: Any
    shown: bytes
    reading: Reading | None = None
    complaint: str = ""


@dataclass
class SheetDesk:
    """The photos of one visit to the page, and what was last found on them."""

    folder: Path  # for the photos
    digits: Path | None  # where the three sets go
    photos: list[Path] = field(default_factory=list)
    seen: dict[Path, Seen] = field(default_factory=dict)
    cutting: Cutting | None = None
    made: bool = False  # whether a run's record names the photos
    added: int = 0

    def add(self, content: bytes) -> None:
        """Keep an uploaded photo, after the checks of every image file."""
        decode(content, "What was sent")
        if len(self.photos) >= MOST_PHOTOS:
            raise ToolkitError(f"{MOST_PHOTOS} photos are enough for one sheet. Cut these first.")
        self.added += 1
        photo = self.folder / f"photo_{self.added}.jpg"
        self.photos.append(write_file(photo, content))

    def drop(self, number: int) -> None:
        """Do without a photo."""
        if number < len(self.photos):
            self.cutting = None
            self.seen.pop(self.photos.pop(number), None)

    def forget(self) -> None:
        """Remove the photos, unless sets were made of them."""
        if not self.made:
            shutil.rmtree(self.folder, ignore_errors=True)

    def read(self, asked: Asked) -> dict[str, Any]:
        """What is found; the sets can be made when it is what was promised."""
        self.cutting = None
        words = self._words(asked)
        photos, division = words["photos"], words["division"]
        corrections = parse_corrections(photos, words["skip"], words["label"], words["add"])
        judge = judge_with(MODEL)
        for photo, layout in zip(photos, words["layouts"], strict=True):
            said = (layout, division, corrections[photo])
            if photo in self.seen and self.seen[photo].said == said:
                continue  # reading takes seconds, and a correction concerns one photo
            try:
                reading = read_sheet(photo, layout, corrections[photo], division, judge)
            except ToolkitError as error:
                complaint = str(error).replace(str(photo), "this photo")
                if corrections[photo] != NOTHING:  # the last correction is to blame: the page takes it back
                    raise ToolkitError(complaint) from error
                self.seen[photo] = Seen(said, _shown(read_grey(photo)), complaint=complaint)
                continue
            size = np.broadcast_to(np.uint8(255), reading.picture.shape)  # takes no memory
            self.seen[photo] = Seen(said, _shown(reading.upright), replace(reading, picture=size))
        seen = [self.seen[photo] for photo in photos]
        readings = [one.reading for one in seen if one.reading and not one.reading.complaints]
        reason = ""
        if len(readings) == len(photos):
            try:
                self.cutting = divide(readings, division, 0, judge)
            except ToolkitError as error:
                reason = str(error).replace("--per-class", "the three sets as")
        return {
            "photos": [self._record(number, one) for number, one in enumerate(seen)],
            "ready": self.cutting is not None,
            "reason": reason,
            "exist": [path.name for path in existing_sets(self.digits or ROOT)],
        }

    def make(self, asked: Asked) -> Path:
        """Cut the three sets, the former ones put aside; returns the run's folder."""
        self.made = True
        return cut_sheets(out=self.digits, replace=True, model=MODEL, **self._words(asked))

    def contact_sheet(self) -> bytes:
        """The sets that would be made, as PNG."""
        if self.cutting is None:
            raise ToolkitError("The counts are not right yet. Correct the photos first.")
        return encoded(self.cutting.contact_sheet())

    def _words(self, asked: Asked) -> dict[str, Any]:
        """What the command line would pass to ``cut_sheets``."""
        photos = tuple(self.photos)
        if not photos:
            raise ToolkitError("There is no photo yet. Upload one.")
        division = parse_division(asked["per_class"]) if asked["per_class"] else None
        rows, digit, each = asked["rows"] or None, asked["digit"] or None, asked["digit"].split(",")
        layouts: list[Layout | None] = [Layout(one=check_name(name.strip())) for name in each if rows is None and digit]
        if len(layouts) != len(photos):  # not a class for each photo
            layouts = choose_layouts(photos, rows, digit and check_name(digit), (division or USUAL_DIVISION).row)
        named = list(zip(photos, asked["corrections"], strict=False))
        return {
            "photos": photos,
            "layouts": layouts,
            "division": division,
            "skip": [f"{photo.name}:{place}" for photo, own in named for place in own["skip"]],
            "label": [f"{photo.name}:{at}={name}" for photo, own in named for at, name in own["label"].items()],
            "add": [f"{photo.name}:{self._stored(photo, box)}" for photo, own in named for box in own["add"]],
        }

    def _stored(self, photo: Path, box: Box) -> str:
        """A box of the upright photo in the photo as it is stored, as ``--add`` takes it."""
        if photo not in self.seen or not (reading := self.seen[photo].reading):
            raise ToolkitError("This photo has not been read yet, so no frame can be added to it.")
        height, width = reading.upright.shape
        return ",".join(map(str, box.turned(-reading.turns, width, height)))

    def _record(self, number: int, seen: Seen) -> dict[str, Any]:
        reading = seen.reading
        if not reading:
            return {"frames": [], "left_out": [], "counts": [], "complaints": [seen.complaint]}
        height, width = reading.upright.shape
        labels = self.cutting.labels[number] if self.cutting else None
        doubts = self.cutting.doubts_of(number) if self.cutting else None
        surest = reading.probabilities.argmax(axis=1)
        frames = [
            {
                "box": reading.upright_box(box),
                "place": "{}:{}".format(*reading.found[i]),
                "label": labels[i] if labels else reading.given[i] or reading.known[surest[i]],
                "doubt": "; ".join(doubts[i]) if doubts else "",
                "wrong": wrong,
            }
            for i, (box, wrong) in enumerate(zip(reading.boxes, reading.wrong(), strict=True))
        ]
        return {
            "width": width,
            "height": height,
            "turned": 90 * reading.turns,
            "frames": frames,
            "left_out": [reading.upright_box(box) for box in reading.skipped],
            "counts": reading.counts,
            "complaints": list(reading.complaints.values()),
        }


def present_sets(digits: Path | None) -> bytes:
    """The sets that there are, as PNG."""
    return encoded(draw_sets(read_all_sets(digits), {}, "the sets as they are"))


def _shown(picture: np.ndarray) -> bytes:
    """A photo, uint8 (H, W), upright, as JPEG."""
    image = Image.fromarray(np.ascontiguousarray(picture))
    image.thumbnail((SHOWN, SHOWN))
    return encoded(image, "JPEG", quality=85)
