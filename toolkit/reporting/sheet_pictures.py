"""Pictures to judge a cut sheet by: the photo with what was found, one row of it, and all images by set."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from toolkit.data.labelled_images import LabelledImages
from toolkit.data.sheets import Reading
from toolkit.errors import ToolkitError
from toolkit.evaluation.prediction import Found
from toolkit.images.box import Box
from toolkit.images.lettering import pillow_font, shown
from toolkit.images.normal_form import SIDE
from toolkit.paths import atomic_write

LONGEST = 2000  # pixels of a picture's longer side
LETTERS, LEAST_LETTERS = 0.014, 13  # height of a label: of that side, and in pixels
GOOD, DOUBTFUL, WRONG, SKIPPED = "#009E73", "#E69F00", "#D55E00", "#7F7F7F"
TILE, GAP = 84, 8  # pixels: an image three times as large as it is
MOST_ROWS, MOST_COLUMNS = 60, 40  # of a set in its picture
MOST_LINES = 60  # of doubts

Frame = tuple[Box, str, str]  # in pixels of the photo; colour; label


def draw_overlay(reading: Reading, labels: Sequence[str] | None, doubts: Sequence[Sequence[str]]) -> Image.Image:
    """The photo, upright, with a frame around every image and its class, or its place where classes are not known.

    Doubtful images are orange, rows with a wrong count red, what was skipped grey.
    """
    frames = []
    for number, (box, wrong) in enumerate(zip(reading.boxes, reading.wrong(), strict=True)):
        colour = WRONG if wrong else DOUBTFUL if doubts and doubts[number] else GOOD
        place = "{}:{}".format(*reading.found[number])
        frames.append((reading.upright_box(box), colour, place if labels is None or wrong else labels[number]))
    frames += [(reading.upright_box(box), SKIPPED, "skipped") for box in reading.skipped]
    return draw_frames(reading.upright, frames)


def draw_frames(picture: np.ndarray, frames: Sequence[Frame]) -> Image.Image:
    """Grey values, uint8 (H, W), with labelled frames on them.

    All labels have one size, that of the picture allows, and lie beside what is framed, where there is room for them.
    """
    scale = min(1.0, LONGEST / max(picture.shape))
    size = round(picture.shape[1] * scale), round(picture.shape[0] * scale)
    image = Image.fromarray(np.ascontiguousarray(picture)).resize(size, Image.Resampling.BOX).convert("RGB")
    draw = ImageDraw.Draw(image)
    boxes = np.array([box for box, _, _ in frames], float).reshape(-1, 4) * scale
    boxes += (-3, -3, 3, 3)
    letters = max(LEAST_LETTERS, round(LETTERS * max(size)))
    for box, (_, colour, _) in zip(boxes, frames, strict=True):
        draw.rectangle(tuple(box), outline=colour, width=max(2, size[0] // 700))
    for (left, top, right, bottom), (_, colour, text) in zip(boxes.copy(), frames, strict=True):
        font = pillow_font(text, letters)
        plate = np.array((font.getlength(shown(text)) + letters / 3, 1.1 * letters))
        corners = np.array(((left, top - plate[1]), (left, bottom), (right, top), (left - plate[0], top)))
        # the first place that covers neither what is framed nor another label, as far as there is one in the picture
        overlaps = np.minimum(boxes[:, 2:], corners[:, None] + plate) - np.maximum(boxes[:, :2], corners[:, None])
        outside = ((corners < 0) | (corners + plate > size)).any(axis=1)
        corner = corners[np.argmin(np.maximum(overlaps, 0).prod(axis=2).sum(axis=1) + outside * plate.prod())]
        boxes = np.append(boxes, [(*corner, *(corner + plate))], axis=0)
        draw.rectangle(tuple(boxes[-1]), fill=colour)
        draw.text(tuple(corner + plate / 2), shown(text), fill="white", font=font, anchor="mm")
    return image


def draw_found(picture: np.ndarray, rows: Sequence[Sequence[Found]]) -> Image.Image:
    """Grey values, uint8 (H, W), with what a model reads on them; orange where it is not sure."""
    return draw_frames(
        picture, [(one.box, GOOD if one.answer.sure else DOUBTFUL, one.answer.top[0][0]) for row in rows for one in row]
    )


def crop_rows(reading: Reading, overlay: Image.Image) -> Image.Image:
    """The part of an overlay that shows the rows with a wrong count; all of it when even their number is wrong."""
    wrong = [reading.upright_box(box) for box, wrong in zip(reading.boxes, reading.wrong(), strict=True) if wrong]
    if -1 in reading.complaints or not wrong:
        return overlay
    boxes = np.array(wrong) * overlay.width / reading.upright.shape[1]
    margin = (boxes[:, 3] - boxes[:, 1]).max()
    top, bottom = max(0, boxes[:, 1].min() - margin), min(overlay.height, boxes[:, 3].max() + margin)
    return overlay.crop((0, round(top), overlay.width, round(bottom)))


def draw_sets(
    sets: Mapping[str, LabelledImages], doubts: Mapping[str, Sequence[Sequence[str]]], title: str
) -> Image.Image:
    """All images by set, a row per class; doubtful ones framed and numbered, the reasons below.

    Of many classes or images the first are shown, and how many there are is said.
    """
    classes = next(iter(sets.values())).classes
    rows = classes[:MOST_ROWS]
    columns = [min(MOST_COLUMNS, max(1, int(images.class_counts().max()))) for images in sets.values()]
    if len(rows) < len(classes):
        title += f"; the first {len(rows)} of {len(classes):,} classes"
    step = TILE + GAP
    begin = 36 + max(24, max(int(pillow_font(name, 20).getlength(shown(name))) for name in rows))
    lefts = np.cumsum([begin, *(count * step + 30 for count in columns)])
    reasons = [
        (name, number, reason) for name, found in doubts.items() for number, reason in enumerate(found) if reason
    ]
    told = reasons[:MOST_LINES]
    numbered = {(name, number): place for place, (name, number, _) in enumerate(told, 1)}
    below = 80 + len(rows) * step
    image = Image.new("RGB", (max(900, int(lefts[-1])), below + 50 + 20 * len(told)), "white")
    draw = ImageDraw.Draw(image)

    def write(place: tuple[float, float], text: str, size: int, fill: str = "black", anchor: str = "la") -> None:
        draw.text(place, shown(text), fill=fill, font=pillow_font(text, size), anchor=anchor)

    write((20, 10), title, 20)
    for left, count, (name, images) in zip(lefts, columns, sets.items(), strict=False):
        cut_off = ", not all shown" if count < images.class_counts().max() else ""
        write((left, 42), f"{name} ({len(images)}{cut_off})", 15)
        for label in range(len(rows)):
            for column, number in enumerate(np.flatnonzero(images.labels == label)[:count].tolist()):
                x, y = int(left) + column * step, 70 + label * step
                tile = Image.fromarray(255 - images.images[number, 0]).resize((TILE, TILE), Image.Resampling.NEAREST)
                image.paste(tile, (x, y))
                draw.rectangle((x, y, x + TILE - 1, y + TILE - 1), outline="#DDDDDD")
                if place := numbered.get((name, number)):
                    draw.rectangle((x - 3, y - 3, x + TILE + 2, y + TILE + 2), outline=DOUBTFUL, width=4)
                    write((x + 4, y + 2), str(place), 15, WRONG)
    for label, row in enumerate(rows):
        write((20, 70 + label * step + TILE // 2), row, 20, anchor="lm")
    more = f", the first {len(told)} told" if len(told) < len(reasons) else ""
    write((20, below), f"{len(reasons) or 'None'} doubtful{more}", 15)
    for place, (name, number, reason) in enumerate(told, 1):
        write((20, below + 4 + 20 * place), f"{place}: {name}, {sets[name].name(number)}: {'; '.join(reason)}", 15)
    return image


def draw_tiles(images: LabelledImages, columns: int, most: int = MOST_ROWS) -> Image.Image:
    """The first images of the first classes, a row for each class, ink dark on white."""
    rows = np.full((min(len(images.classes), most), columns, SIDE, SIDE), 255, np.uint8)
    for label, row in enumerate(rows):
        own = images.images[images.labels == label, 0][:columns]
        row[: len(own)] = 255 - own
    tiles = Image.fromarray(rows.transpose(0, 2, 1, 3).reshape(len(rows) * SIDE, columns * SIDE))
    return tiles.resize((4 * tiles.width, 4 * tiles.height), Image.Resampling.NEAREST)


def save_picture(image: Image.Image, path: Path, quality: int = 90) -> Path:
    """Write a picture as its suffix says, PNG or JPEG, without metadata; a ``ToolkitError`` for a suffix of none."""
    try:
        with atomic_write(path) as temporary:
            image.save(temporary, quality=quality)
    except ValueError as error:
        raise ToolkitError(f"{path} cannot be a picture: {error}. Name one that ends in .png or .jpg.") from error
    return path


def encoded(image: Image.Image, form: str = "PNG", quality: int = 90) -> bytes:
    """A picture as a file holds it; ``quality`` is a JPEG's."""
    stream = io.BytesIO()
    image.save(stream, form, quality=quality)
    return stream.getvalue()
