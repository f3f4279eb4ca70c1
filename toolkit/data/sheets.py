"""From photos of sheets to images with labels: the right way up, in rows, counted, and looked over."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from toolkit.classes import DIGITS, natural_order
from toolkit.data.corrections import NOTHING, Corrections, Place
from toolkit.data.sheet_layout import Layout, PageCode, parse_code, parse_rows
from toolkit.errors import ToolkitError, naming
from toolkit.images.box import Box
from toolkit.images.likeness import doubt_labels
from toolkit.images.normal_form import normal_form
from toolkit.images.reading import read_rgb
from toolkit.images.sheet import Digit, Sheet, Stroke, cut, find_rows, scan
from toolkit.images.single_digit import isolate_ink
from toolkit.images.template import Page, find_page, flatten, read_code, rows_in_boxes

TEN_ROWS = parse_rows("".join(DIGITS))
CLEAR = 0.5  # mean probability of the promised labels from which the photo is the right way up as it is stored
CLEARER = 0.1  # by which a turned photo must read better than as it is stored
SMALLEST_FRAME = 8  # pixels of a side: less holds no digit
BETWEEN = 0.75  # of a digit's height: a frame that lies further from every row is a row of its own
# probability of the likeliest digit below which there is none: of MNIST's 10,000 test digits and 373 on real photos
# mnist_resnet is as unsure of none
NO_DIGIT = 0.35
Rows = list[list[Digit]]  # as they were found
PlacedRows = list[list[tuple[Place, Digit]]]  # after corrections, with the places before


@dataclass(frozen=True)
class Judge:
    """A model as a witness of images, uint8 (N, 1, 28, 28): its probabilities (N, C), the features (N, F) it sees.

    ``none`` says which images it takes for none of its ``classes``, bool (N,).
    """

    read: Callable[[np.ndarray], np.ndarray]
    classes: tuple[str, ...]
    see: Callable[[np.ndarray], np.ndarray] = lambda images: images.reshape(len(images), -1)
    none: Callable[[np.ndarray], np.ndarray] = lambda images: np.zeros(len(images), bool)


@dataclass(frozen=True, eq=False)
class Reading:
    """What was found on one photo, before anyone promised how much there is.

    ``images`` is uint8 (N, 1, 28, 28), row by row; ``boxes`` are where each lies on ``picture``, uint8 (H, W), which
    ``turns`` quarters counter-clockwise bring upright. ``skipped`` were left out.
    ``found`` are the places of the images before anything was corrected, ``given`` the classes that were named by hand.
    """

    photo: Path
    picture: np.ndarray
    turns: int
    layout: Layout
    counts: tuple[int, ...]
    images: np.ndarray
    boxes: tuple[Box, ...]
    probabilities: np.ndarray  # (N, C): what the judge, who knows C classes, reads
    known: tuple[str, ...]  # these classes
    found: tuple[Place, ...]
    given: tuple[str | None, ...]
    skipped: tuple[Box, ...] = ()
    code: PageCode | None = None  # of a printed page that has one

    @property
    def complaints(self) -> dict[int, str]:
        return self.layout.complaints(self.counts)

    @property
    def upright(self) -> np.ndarray:
        """``picture`` as it reads."""
        return np.rot90(self.picture, self.turns)

    def upright_box(self, box: Box) -> Box:
        """A box of ``picture`` in ``upright``."""
        height, width = self.picture.shape
        return box.turned(self.turns, width, height)

    def clarity(self) -> float:
        """How well the images read this way up: the mean probability of the promised classes that the judge knows.

        Of others, the writer's own images tell: the share that is of the promised class by all others. With a
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
        likeliest, _ = doubt_labels(self.images.reshape(len(labels), -1), labels, len(classes))
        return float((likeliest == labels).mean())

    def wrong(self) -> list[bool]:
        """Whether each image stands in a row that is not as promised; all do where even the number of rows is not."""
        wrong = self.complaints.keys()
        return [-1 in wrong or row in wrong for row, count in enumerate(self.counts) for _ in range(count)]


def read_photo(
    photo: Path, layout: Layout | None, judge: Judge, corrections: Corrections = NOTHING, usual: Layout = TEN_ROWS
) -> Reading:
    """Find what is written on a photo, turn it upright, and cut it.

    ``layout`` says what is written; a printed template says it itself, and without either the ``usual`` rows are
    expected. ``corrections`` name places as the overlay picture shows them.
    """
    rgb = read_rgb(photo)
    if page := find_page(rgb):
        if layout is not None:
            raise ToolkitError(
                f"{photo} shows the printed template, whose boxes say what is written. Leave out --rows and --digit."
            )
        code = _code_of(photo, rgb, page) if page.coded else None
        printed = code.layout if code else TEN_ROWS
        sheet = scan(flatten(rgb, page), dots=not _digits_alone(printed))
        rows = rows_in_boxes(sheet, [len(row) for row in printed.rows])
        return replace(_read(photo, sheet, 0, rows, printed, judge, corrections), code=code)
    layout = layout or usual
    sheet = scan(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), dots=not _digits_alone(layout))
    ways = {turns: find_rows(sheet, turns) for turns in range(4)}
    told = dict.fromkeys(ways, corrections)

    def fitting(ways: Mapping[int, Rows]) -> dict[int, Rows]:
        """Those in which there is as much as was promised."""
        kept = {turns: _correct(sheet, turns, rows, told[turns]) for turns, rows in ways.items()}
        return {turns: rows for turns, rows in ways.items() if not layout.complaints([len(row) for row in kept[turns]])}

    if not _digits_alone(layout) and not fitting(ways):
        flat = {turns: find_rows(sheet, turns, flat=True) for turns in ways}
        ways = flat if fitting(flat) else ways
    # some places may exist only in the way up that the user saw
    ways = {turns: rows for turns, rows in ways.items() if rows and not corrections.missing(rows)} or ways
    # where digits alone are promised, a judge that knows all ten can say that something is none of them
    if not fitting(ways) and _digits_alone(layout) and set(DIGITS) <= set(judge.classes):
        things = {turns: _things(sheet, turns, rows, corrections, layout, judge) for turns, rows in ways.items()}
        told = {turns: replace(corrections, skip=corrections.skip | places) for turns, places in things.items()}
        # of digits upside down some look like none as well: only a way up that reads may leave things out
        left = [_read(photo, sheet, *way, layout, judge, told[way[0]]) for way in fitting(ways).items()]
        if not any(reading.clarity() > CLEAR for reading in left):
            told = dict.fromkeys(ways, corrections)
    # when some way up fits the promise, only those are candidates; the photo as it is stored comes first
    fit = fitting(ways)
    readings = []
    for turns, rows in (fit or ways).items():
        readings.append(_read(photo, sheet, turns, rows, layout, judge, told[turns]))
        if turns == 0 and fit and readings[0].clarity() > CLEAR:
            return readings[0]
    clarity = [reading.clarity() for reading in readings]
    best = int(np.argmax(clarity))
    if clarity[best] >= clarity[0] + CLEARER:
        return readings[best]
    if fit and readings[0].turns and any(abs(other - clarity[0]) < CLEARER for other in clarity[1:]):
        raise ToolkitError(
            f"{photo} does not show which way up it is: its rows fit when turned left and when turned right. Turn the "
            "photo upright, write on a printed template, or name a model that knows these classes (--model)."
        )
    return readings[0]


def _code_of(photo: Path, rgb: np.ndarray, page: Page) -> PageCode:
    if (text := read_code(rgb, page)) is None:
        raise ToolkitError(
            f"{photo} shows a printed page, but its code (in the bottom margin) cannot be read. Take the photo closer, "
            "sharp, with the whole page in it."
        )
    with naming(photo):
        return parse_code(text)


def _digits_alone(layout: Layout) -> bool:
    return layout.classes <= set(DIGITS)


def _things(
    sheet: Sheet, turns: int, rows: Rows, corrections: Corrections, layout: Layout, judge: Judge
) -> frozenset[Place]:
    """The places of what the judge is too unsure of to be a digit, and of rows too many that it takes for none."""
    things: set[Place] = set()
    rows_of_none: list[tuple[float, set[Place]]] = []
    placed = [[entry for entry in row if entry[0][0]] for row in _correct(sheet, turns, rows, corrections)]
    placed = [row for row in placed if row]  # what somebody framed is a digit
    for row in placed:
        places = [place for place, _ in row]
        images = np.stack([cut(sheet, digit, turns) for _, digit in row])[:, None]
        chances = judge.read(images).max(axis=1)
        things |= {place for place, sure in zip(places, chances, strict=True) if sure < NO_DIGIT}
        if judge.none(images).all():
            rows_of_none.append((float(chances.max()), set(places)))
    too_many = max(0, len(placed) - len(layout.rows or placed))
    return frozenset(things.union(*(places for _, places in sorted(rows_of_none, key=lambda row: row[0])[:too_many])))


def _correct(sheet: Sheet, turns: int, rows: Rows, corrections: Corrections) -> PlacedRows:
    """What is left of ``rows``, and what was added, each frame in the row that it stands in."""
    height, width = sheet.labels.shape

    def middle(digit: Digit) -> tuple[float, float]:
        """Upright."""
        return digit.box.turned(turns, width, height).centre

    places = [[((i, j), digit) for j, digit in enumerate(row, 1)] for i, row in enumerate(rows, 1)]
    kept = [row for own in places if (row := [entry for entry in own if entry[0] not in corrections.skip])]
    for number, box in enumerate(corrections.added, 1):
        if (0, number) in corrections.skip:
            continue
        added = Digit((Stroke(0, Box(*(round(edge * sheet.ink.scale) for edge in box)), 0, 0.0),))
        x, y = middle(added)
        near = [min((middle(digit) for _, digit in row), key=lambda at: abs(at[0] - x)) for row in kept]
        off = [abs(at[1] - y) for at in near]
        if off and min(off) < BETWEEN * (added.box.width if turns % 2 else added.box.height):
            row = kept[off.index(min(off))]
            row.append(((0, number), added))
            row.sort(key=lambda entry: middle(entry[1])[0])
        else:
            kept.insert(sum(at[1] < y for at in near), [((0, number), added)])
    return kept


def _read(
    photo: Path, sheet: Sheet, turns: int, rows: Rows, layout: Layout, judge: Judge, corrections: Corrections
) -> Reading:
    if missing := corrections.missing(rows):
        places = ", ".join(missing)
        raise ToolkitError(f"There is no {places} on {photo}: nothing was found there. Look at its overlay picture.")
    height, width = sheet.grey.shape
    for box in corrections.added:
        if box.right > width or box.bottom > height or min(box.width, box.height) < SMALLEST_FRAME:
            raise ToolkitError(
                f"The frame {','.join(map(str, box))} is too small or leaves {photo}, which has {width} x {height} "
                "pixels. Draw it around one digit."
            )
    kept = _correct(sheet, turns, rows, corrections)
    entries = [entry for row in kept for entry in row]
    if not entries:
        raise ToolkitError(
            f"No writing was found on {photo}. Expected dark writing on light paper, or the reverse; "
            "take the photo closer, in even light."
        )
    boxes = [corrections.added[at[1] - 1] if at[0] == 0 else sheet.in_photo(digit.box) for at, digit in entries]
    images = [
        cut(sheet, digit, turns)
        if at[0]
        else normal_form(isolate_ink(np.ascontiguousarray(np.rot90(sheet.grey[box.window], turns))))
        for (at, digit), box in zip(entries, boxes, strict=True)
    ]
    stacked = np.stack(images)[:, None]
    return Reading(
        photo=photo,
        picture=sheet.grey,
        turns=turns,
        layout=layout,
        counts=tuple(len(row) for row in kept),
        images=stacked,
        boxes=tuple(boxes),
        probabilities=judge.read(stacked),
        known=judge.classes,
        found=tuple(at for at, _ in entries),
        given=tuple(corrections.labels.get(at) for at, _ in entries),
        skipped=tuple(sheet.in_photo(rows[row - 1][column - 1].box) for row, column in sorted(corrections.skip) if row),
    )


def labels_of(reading: Reading) -> list[str]:
    """The class of every image, all counts being right, or accepted."""
    promised = [name for row in reading.layout.labels(reading.counts) for name in row]
    return [given or name for given, name in zip(reading.given, promised, strict=True)]
