from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image

from benchmarks.example_digits import writer_ink
from benchmarks.simulate import (
    CHALK,
    CHALKBOARD,
    MARKER,
    PENCIL,
    WHITEBOARD,
    WHITEBOARD_MARKER,
    Camera,
    Paper,
    SimulatedSheet,
    save_photo,
    simulate_sheet,
)
from benchmarks.simulate import Layout as Handwriting
from benchmarks.simulate.printed import draw_template
from toolkit.classes import DIGITS
from toolkit.data.corrections import Corrections
from toolkit.data.sheet_layout import Layout, parse_rows, template_pages
from toolkit.data.sheets import Judge, labels_of, read_photo
from toolkit.data.splits import parse_division
from toolkit.errors import ToolkitError
from toolkit.evaluation.scores import predict_logits
from toolkit.images.box import Box
from toolkit.images.template import BOX_HEIGHT, BOX_WIDTH, TEN_DIGITS, Printed, box_corner
from toolkit.models.bundle import load_model

# a note in postcard's size whose digits are as large in the photo as those of a whole sheet in one of a megapixel
CAMERA = Camera(megapixels=0.3, noise=1.5)
NOTE = Paper(size=(160, 120))
ROWS = ("0123456789", "0137486952", "5318064297")
SAID = parse_rows(" ".join(ROWS))


@pytest.fixture(scope="session")
def judge():
    network, _ = load_model("mnist_cnn")

    def read(images: np.ndarray) -> np.ndarray:
        return predict_logits(network, images).softmax(dim=1).numpy()

    return Judge(read, DIGITS)


@cache
def hand():
    return writer_ink(3)


def photograph(tmp_path, rows=ROWS, camera=CAMERA, paper=NOTE, **given):
    sheet = simulate_sheet(hand(), rows, paper, camera=camera, seed=1, **given)
    photo = tmp_path / "photo.jpg"
    save_photo(sheet, photo)
    return photo, sheet


def assert_all_right(reading, sheet: SimulatedSheet) -> None:
    """Every digit has a frame of its own, with its label."""
    assert not reading.complaints
    boxes = np.array(reading.boxes)
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    labels = labels_of(reading)
    for digit in sheet.digits:
        nearest = int(np.hypot(*(middles - digit.centre).T).argmin())
        left, top, right, bottom = digit.box
        assert abs(middles[nearest] - digit.centre).max() < 0.35 * max(right - left, bottom - top)
        assert labels[nearest] == digit.label


def read_right(reading) -> float:
    """The share of images in which the judge reads their label."""
    read = [DIGITS[label] for label in reading.probabilities.argmax(axis=1)]
    return np.mean([one == other for one, other in zip(read, labels_of(reading), strict=True)])


CONDITIONS = {
    "ballpoint on plain paper": {},
    "ruled paper": {"paper": replace(NOTE, kind="ruled")},
    "squared paper": {"paper": replace(NOTE, kind="squared", line_spacing=5.0)},
    "print shows through": {"paper": replace(NOTE, show_through=0.08)},
    "pencil": {"pen": PENCIL},
    "marker": {"pen": MARKER},
    "whiteboard": {"paper": WHITEBOARD, "pen": WHITEBOARD_MARKER},
    "chalk": {"paper": CHALKBOARD, "pen": CHALK},
    "turned by 15 degrees": {"camera": replace(CAMERA, turn=15.0)},
    "turned by -15 degrees": {"camera": replace(CAMERA, turn=-15.0)},
    "seen at an angle": {"camera": replace(CAMERA, tilt=25.0, tilt_from=120.0)},
    "a hand's shadow": {"camera": replace(CAMERA, shadow=0.5)},
    "vignetting and gradient": {"camera": replace(CAMERA, vignetting=0.4, gradient=0.3)},
    "wooden table": {"camera": replace(CAMERA, table="wood")},
    "no table": {"camera": replace(CAMERA, table=None)},
    "blur and noise": {"camera": replace(CAMERA, blur=1.5, noise=5.0, jpeg_quality=70)},
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_sheet_under_each_condition(name, tmp_path, judge):
    given = dict(CONDITIONS[name])
    if given.get("paper") in (WHITEBOARD, CHALKBOARD):
        given["layout"] = Handwriting(height=0.055 * given["paper"].size[1])
    photo, sheet = photograph(tmp_path, **given)
    assert_all_right(read_photo(photo, SAID, judge), sheet)


@pytest.fixture(scope="module")
def note():
    """The rows in ballpoint on plain paper, photographed from above in good light."""
    return simulate_sheet(hand(), ROWS, NOTE, camera=CAMERA, seed=1)


@pytest.mark.parametrize("orientation", [5, 6])  # all eight: tests/images/test_reading.py
def test_every_exif_orientation(orientation, tmp_path, note, judge):
    # stored so that the tag brings it upright
    stored = {1: 0, 2: 0, 3: 2, 4: 2, 5: 1, 6: 1, 7: 3, 8: 3}[orientation]
    pixels = np.rot90(note.photo, stored)
    if orientation in (2, 4, 5, 7):
        pixels = pixels[:, ::-1] if orientation in (2, 4) else pixels[::-1]
    image = Image.fromarray(np.ascontiguousarray(pixels))
    exif = image.getexif()
    exif[ExifTags.Base.Orientation] = orientation
    photo = tmp_path / "photo.jpg"
    image.save(photo, exif=exif, quality=92)
    assert_all_right(read_photo(photo, SAID, judge), note)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_photo_on_its_side_without_exif_is_turned(turns, tmp_path, note, judge):
    photo = tmp_path / "photo.png"
    Image.fromarray(np.ascontiguousarray(np.rot90(note.photo, -turns))).save(photo)
    reading = read_photo(photo, SAID, judge)
    assert reading.turns == turns
    assert reading.counts == (10,) * 3
    assert read_right(reading) > 0.8


def test_ten_rows_of_twelve_are_expected_where_nothing_is_said(tmp_path, written_sheet, judge):
    photo = tmp_path / "photo.jpg"
    save_photo(written_sheet, photo)
    assert_all_right(read_photo(photo, None, judge), written_sheet)


def test_rows_of_explicit_digits(tmp_path, judge):
    rows = ("0123456789", "0137486952", "42")
    photo, sheet = photograph(tmp_path, rows=rows)
    reading = read_photo(photo, parse_rows(" ".join(rows)), judge)
    assert_all_right(reading, sheet)
    assert (len(reading.counts), reading.counts[-1]) == (3, 2)


def test_one_digit_anywhere(tmp_path, judge):
    photo, _ = photograph(tmp_path, rows=("77777", "7777"))
    reading = read_photo(photo, Layout(one="7"), judge)
    assert labels_of(reading) == ["7"] * 9


@pytest.mark.parametrize("count", [5, 7])
def test_a_wrong_count_is_reported_and_nothing_is_bent_to_fit(count, tmp_path, judge):
    photo, _ = photograph(tmp_path, rows=("333333", "4" * count, "555555"))
    reading = read_photo(photo, parse_rows("3*6 4*6 5*6"), judge)
    assert reading.complaints == {1: f"row 2 (the 4s) has {count} digits, expected 6"}


def test_what_is_skipped_does_not_count(tmp_path, judge):
    photo, _ = photograph(tmp_path, rows=("333333", "4444444", "555555"))
    said = parse_rows("3*6 4*6 5*6")
    reading = read_photo(photo, said, judge, Corrections(frozenset([(2, 2)])))
    assert not reading.complaints
    assert len(reading.skipped) == 1
    # places keep their names: what stands behind the one left out is not counted anew
    assert [place for place in reading.found if place[0] == 2] == [(2, 1), *((2, n) for n in range(3, 8))]
    with pytest.raises(ToolkitError, match="nothing was found there"):
        read_photo(photo, said, judge, Corrections(frozenset([(2, 8)])))


def test_a_whole_row_that_is_left_out_is_no_row(tmp_path, judge):
    photo, _ = photograph(tmp_path, rows=[*ROWS, "77"])
    assert "4 rows" in read_photo(photo, SAID, judge).complaints[-1]
    assert not read_photo(photo, SAID, judge, Corrections(frozenset([(4, 1), (4, 2)]))).complaints


def test_a_frame_that_was_missed_is_added_where_it_stands(tmp_path, note, judge):
    turned = tmp_path / "turned.png"
    Image.fromarray(np.rot90(note.photo)).save(turned)
    whole = read_photo(turned, SAID, judge)
    missed = whole.found.index((2, 5))
    box = whole.boxes[missed]
    # left out and added again by hand: the same digit in the same place, whatever way up the photo is
    corrections = Corrections(frozenset([(2, 5)]), {(1, 1): "6"}, (box,))
    reading = read_photo(turned, SAID, judge, corrections)
    assert reading.counts == whole.counts
    assert reading.found[missed] == (0, 1)
    assert (labels_of(reading)[missed], labels_of(reading)[0]) == ("4", "6")
    assert np.abs(reading.images[missed].astype(int) - whole.images).mean(axis=(1, 2, 3)).argmin() == missed
    with pytest.raises(ToolkitError, match="too small or leaves"):
        read_photo(turned, SAID, judge, replace(corrections, added=(Box(0, 0, 9999, 50),)))


def test_a_missing_row_is_reported(tmp_path, judge):
    photo, _ = photograph(tmp_path, rows=ROWS[:2])
    assert "2 rows found, expected 3" in read_photo(photo, SAID, judge).complaints[-1]


def test_blank_paper(tmp_path, judge):
    photo = tmp_path / "blank.png"
    Image.fromarray(np.full((600, 800), 220, np.uint8)).save(photo)
    with pytest.raises(ToolkitError, match="No writing was found"):
        read_photo(photo, None, judge)


@cache
def filled_template(
    paper: str = "a4", missing: tuple[int, int] | None = None, printed: Printed = TEN_DIGITS
) -> np.ndarray:
    """The printed page with the writer's digits in its boxes, those of one label in a row, RGB."""
    fine = 6
    page = draw_template(paper, fine, printed)
    glyphs = list(hand().values())
    for row, (_, count) in enumerate(printed.rows):
        for column in range(count):
            if (row, column) == missing:
                continue
            x, y = box_corner(paper, row, column)
            side = round(0.75 * BOX_HEIGHT * fine)
            glyph = glyphs[row][column % len(glyphs[row])]
            ink = cv2.resize(glyph, (side, side), interpolation=cv2.INTER_AREA)
            left = round((x + BOX_WIDTH / 2) * fine - side / 2)
            top = round((y + BOX_HEIGHT / 2) * fine - side / 2)
            window = page[top : top + side, left : left + side]
            window[:] = window * (1 - 0.85 * ink[..., None] / 255)
    return page


def on_a_table(page: np.ndarray, corners: list[tuple[float, float]]) -> np.ndarray:
    """The page under hard perspective; corners clockwise from its top left, in pixels."""
    height, width = page.shape[:2]
    given = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    photo = np.full((1500, 1500, 3), (90, 70, 50), np.uint8)
    towards = cv2.getPerspectiveTransform(given, np.array(corners, np.float32))
    return cv2.warpPerspective(page, towards, (1500, 1500), photo, cv2.INTER_AREA, cv2.BORDER_TRANSPARENT)


@pytest.mark.parametrize(
    "corners",
    [
        [(430, 200), (1100, 260), (1400, 1380), (90, 1290)],
        [(1400, 300), (1300, 1250), (100, 1200), (160, 260)],  # on its side, clockwise
    ],
    ids=["at an angle", "on its side"],
)
def test_a_template_needs_no_options(corners, tmp_path, judge):
    photo = tmp_path / "page.png"
    Image.fromarray(on_a_table(filled_template(), corners)).save(photo)
    reading = read_photo(photo, None, judge)
    assert reading.counts == (12,) * 10
    assert read_right(reading) > 0.85


@pytest.mark.parametrize(
    ("number", "paper", "labels"),
    [(1, "letter", ["A"] * 36 + ["Ω"] * 36 + ["Ankle boot"] * 36 + ["७"] * 12), (2, "a4", ["७"] * 24)],
)
def test_a_template_of_other_classes_says_itself_what_stands_on_it(number, paper, labels, tmp_path, judge):
    pages = template_pages(("A", "Ω", "Ankle boot", "७"), parse_division("30,3,3"))
    photo = tmp_path / "page.png"
    page = filled_template(paper, printed=pages[number - 1])
    Image.fromarray(on_a_table(page, [(430, 200), (1100, 260), (1400, 1380), (90, 1290)])).save(photo)
    reading = read_photo(photo, None, judge)
    assert labels_of(reading) == labels
    assert (reading.code.number, reading.code.pages, str(reading.code.division)) == (number, 2, "30,3,3")


def test_a_code_that_cannot_be_read_is_told(tmp_path, judge):
    (printed,) = template_pages("ABC", parse_division("8,2,2"))
    page = filled_template(printed=printed).copy()
    page[-190:, 250:600] = 255  # someone wrote over it
    photo = tmp_path / "page.png"
    Image.fromarray(page).save(photo)
    with pytest.raises(ToolkitError, match=r"its code \(in the bottom margin\) cannot be read"):
        read_photo(photo, None, judge)


def test_without_a_model_that_knows_the_classes_a_photo_stays_as_it_was_taken(tmp_path, judge):
    photo, sheet = photograph(tmp_path, rows=("000000", "111111", "222222", "333333", "444444"))
    rows = parse_rows("A*6 B*6 C*6 D*6 E*6")
    reading = read_photo(photo, rows, judge)
    assert reading.turns == 0
    assert labels_of(reading)[::6] == list("ABCDE")
    # on its side, nothing tells left from right
    turned = tmp_path / "turned.png"
    Image.fromarray(np.ascontiguousarray(np.rot90(sheet.photo))).save(turned)
    with pytest.raises(ToolkitError, match="does not show which way up it is"):
        read_photo(turned, rows, judge)


def test_the_writers_own_images_tell_the_way_up_where_rows_differ(tmp_path, judge):
    words = ["0123456789", "9081726354", "0123456789", "7539514682"]
    drawn, _ = photograph(tmp_path, rows=words)
    letters = [row.translate(str.maketrans("0123456789", "ABCDEFGHIJ")) for row in words]
    with Image.open(drawn) as image:
        image.rotate(90, expand=True).save(tmp_path / "turned.png")
    reading = read_photo(tmp_path / "turned.png", parse_rows(" ".join(letters)), judge)
    assert labels_of(reading) == list("".join(letters))
    assert reading.turns == 3


def test_a_template_printed_in_grey(tmp_path, judge):
    photo = tmp_path / "page.png"
    corners = [(300, 100), (1250, 130), (1230, 1420), (280, 1400)]
    Image.fromarray(on_a_table(filled_template(), corners)).convert("L").save(photo)
    reading = read_photo(photo, None, judge)
    assert reading.counts == (12,) * 10
    assert read_right(reading) > 0.85


def test_an_empty_box_of_a_template_is_reported(tmp_path, judge):
    photo = tmp_path / "page.png"
    Image.fromarray(filled_template(missing=(3, 7))).save(photo)
    assert read_photo(photo, None, judge).complaints == {3: "row 4 (the 3s) has 11 digits, expected 12"}


def test_a_template_contradicts_rows(tmp_path, judge):
    photo = tmp_path / "page.png"
    Image.fromarray(filled_template()).save(photo)
    with pytest.raises(ToolkitError, match="Leave out --rows"):
        read_photo(photo, parse_rows("0123456789"), judge)


def test_an_empty_template(tmp_path, judge):
    photo = tmp_path / "page.png"
    Image.fromarray(draw_template("a4", 6)).save(photo)
    with pytest.raises(ToolkitError, match="No writing was found"):
        read_photo(photo, None, judge)


def page_with_things(tmp_path, things: int, sure_of_things: float = 0.2) -> tuple[Path, Judge]:
    """Two rows of five rings, below them so many triangles, and a judge who is sure of rings alone."""
    grey = np.full((600, 800), 225, np.uint8)
    for y in (100, 250):
        for x in range(150, 700, 120):
            cv2.ellipse(grey, (x, y), (20, 34), 0, 0, 360, 60, 7, cv2.LINE_AA)
    for x in range(200, 200 + 150 * things, 150):
        cv2.polylines(grey, [np.array([(x - 30, 430), (x + 30, 430), (x, 380)])], True, 60, 7, cv2.LINE_AA)
    Image.fromarray(grey).save(tmp_path / "photo.png")

    def read(images: np.ndarray) -> np.ndarray:
        ring = (images[:, 0, 12:16, 12:16].max(axis=(1, 2)) < 50) & (images[:, 0, 2:8].max(axis=(1, 2)) > 50)
        flat = (images[:, 0] > 50).any(axis=2).sum(axis=1) < 19
        sure = np.where(ring & ~flat, 0.97, sure_of_things)
        return np.column_stack([sure, np.repeat((1 - sure)[:, None] / 9, 9, axis=1)])

    return tmp_path / "photo.png", Judge(read, DIGITS)


def test_what_is_no_digit_is_left_out_where_the_promise_needs_it(tmp_path):
    photo, judge = page_with_things(tmp_path, 2)
    reading = read_photo(photo, parse_rows("00000 00000"), judge)
    assert not reading.complaints
    assert len(reading.boxes) == 10
    assert len(reading.skipped) == 2
    assert min(box[1] for box in reading.skipped) > 350


def test_a_row_too_many_is_left_out_where_too_little_speaks_for_any_digit(tmp_path):
    photo, judge = page_with_things(tmp_path, 1, sure_of_things=0.6)
    rows = parse_rows("00000 00000")
    assert read_photo(photo, rows, judge).counts == (5, 5, 1)
    judge = replace(judge, none=lambda images: judge.read(images).max(axis=1) < 0.7)
    assert len(read_photo(photo, rows, judge).skipped) == 1


def test_nothing_is_left_out_where_the_counts_are_right_or_stay_wrong_or_the_model_cannot_know(tmp_path):
    photo, judge = page_with_things(tmp_path, 2)
    assert read_photo(photo, parse_rows("00000 00000 00/"), judge).counts == (5, 5, 2)
    wrong = read_photo(photo, parse_rows("00000 00000 00000"), judge)
    assert wrong.counts == (5, 5, 2)
    assert not wrong.skipped
    letters = Judge(judge.read, tuple("ABCDEFGHIJ"))
    assert read_photo(photo, parse_rows("00000 00000"), letters).counts == (5, 5, 2)
    assert read_photo(photo, parse_rows("AAAAA AAAAA"), letters).counts == (5, 5, 2)
