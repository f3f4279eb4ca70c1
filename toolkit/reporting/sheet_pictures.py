"""Pictures to judge a cut sheet by: the photo with what was found, one row of it, and all digits by set."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from toolkit.data.labelled_images import CLASSES, LabelledImages
from toolkit.data.sheets import Reading
from toolkit.images.sheet import turn_box
from toolkit.paths import atomic_write

LONGEST = 2000  # pixels of a picture's longer side
GOOD, DOUBTFUL, WRONG, SKIPPED = "#009E73", "#E69F00", "#D55E00", "#7F7F7F"
TILE, GAP = 84, 8  # pixels: a digit three times as large as it is


def draw_overlay(reading: Reading, labels: np.ndarray | None, doubts: Sequence[Sequence[str]]) -> Image.Image:
    """The photo, upright, with a frame around every digit and its label, or its place where labels are not known.

    Doubtful digits are orange, rows with a wrong count red, what was skipped grey.
    """
    height, width = reading.picture.shape
    upright = np.rot90(reading.picture, reading.turns)
    scale = min(1.0, LONGEST / max(upright.shape))
    size = round(upright.shape[1] * scale), round(upright.shape[0] * scale)
    image = Image.fromarray(np.ascontiguousarray(upright)).resize(size, Image.Resampling.BOX).convert("RGB")
    draw = ImageDraw.Draw(image)

    def frame(box: tuple[int, int, int, int], colour: str, text: str) -> None:
        left, top, right, bottom = (value * scale for value in turn_box(box, reading.turns, width, height))
        draw.rectangle((left - 3, top - 3, right + 3, bottom + 3), outline=colour, width=max(2, size[0] // 700))
        letters = ImageFont.load_default(max(12, 0.35 * (bottom - top)))
        draw.text((left - 3, top - 4), text, fill=colour, font=letters, anchor="ls")

    for number, (box, (row, column)) in enumerate(zip(reading.boxes, reading.places(), strict=True)):
        wrong = -1 in reading.complaints or row - 1 in reading.complaints
        colour = WRONG if wrong else DOUBTFUL if doubts and doubts[number] else GOOD
        frame(box, colour, f"{row}:{column}" if labels is None or wrong else str(labels[number]))
    for box in reading.skipped:
        frame(box, SKIPPED, "skipped")
    return image


def crop_rows(reading: Reading, overlay: Image.Image) -> Image.Image:
    """The part of an overlay that shows the rows with a wrong count; all of it when even their number is wrong."""
    places = [number for number, (row, _) in enumerate(reading.places()) if row - 1 in reading.complaints]
    if not places:
        return overlay
    height, width = reading.picture.shape
    scale = overlay.width / (width if reading.turns % 2 == 0 else height)
    boxes = scale * np.array([turn_box(reading.boxes[number], reading.turns, width, height) for number in places])
    margin = (boxes[:, 3] - boxes[:, 1]).max()
    top, bottom = max(0, boxes[:, 1].min() - margin), min(overlay.height, boxes[:, 3].max() + margin)
    return overlay.crop((0, round(top), overlay.width, round(bottom)))


def draw_sets(
    sets: dict[str, LabelledImages], doubts: Mapping[str, Sequence[Sequence[str]]], title: str
) -> Image.Image:
    """All digits by set, a row per digit; doubtful ones framed and numbered, the reasons below."""
    small, large = ImageFont.load_default(15), ImageFont.load_default(20)
    columns = [max(1, int(digits.class_counts().max())) for digits in sets.values()]
    step = TILE + GAP
    lefts = np.cumsum([60, *(count * step + 30 for count in columns)])
    reasons = [
        (name, number, reason) for name, found in doubts.items() for number, reason in enumerate(found) if reason
    ]
    lines = 20 * len(reasons) + 50
    image = Image.new("RGB", (max(900, int(lefts[-1])), 80 + len(CLASSES) * step + lines), "white")
    draw = ImageDraw.Draw(image)
    draw.text((20, 10), title, fill="black", font=large)
    places = {}
    for left, (name, digits) in zip(lefts, sets.items(), strict=False):
        draw.text((left, 42), f"{name} ({len(digits)})", fill="black", font=small)
        for label in range(len(CLASSES)):
            for column, number in enumerate(np.flatnonzero(digits.labels == label).tolist()):
                x, y = int(left) + column * step, 70 + label * step
                tile = Image.fromarray(255 - digits.images[number, 0]).resize((TILE, TILE), Image.Resampling.NEAREST)
                image.paste(tile, (x, y))
                draw.rectangle((x, y, x + TILE - 1, y + TILE - 1), outline="#DDDDDD")
                places[name, number] = x, y
    for label, name in enumerate(CLASSES):
        draw.text((24, 70 + label * step + TILE // 2), name, fill="black", font=large, anchor="lm")
    below = 80 + len(CLASSES) * step
    draw.text((20, below), f"{len(reasons) or 'No'} doubtful", fill="black", font=small)
    for place, (name, number, reason) in enumerate(reasons, 1):
        x, y = places[name, number]
        draw.rectangle((x - 3, y - 3, x + TILE + 2, y + TILE + 2), outline=DOUBTFUL, width=4)
        draw.text((x + 4, y + 2), str(place), fill=WRONG, font=small)
        told = f"{place}: {name}, digit {sets[name].labels[number]}: {'; '.join(reason)}"
        draw.text((20, below + 4 + 20 * place), told, fill="black", font=small)
    return image


def save_picture(image: Image.Image, path: Path) -> Path:
    """Write a picture as its suffix says, PNG or JPEG, without metadata."""
    with atomic_write(path) as temporary:
        image.save(temporary, quality=90)
    return path
