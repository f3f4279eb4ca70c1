import cv2
import numpy as np
import pytest

from toolkit.errors import ToolkitError
from toolkit.images.sheet import cut, find_rows, scan

PAPER, INK = 225, 70


def blank(height: int = 500, width: int = 800, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1.5, (height, width))
    return np.clip(PAPER + noise, 0, 255).astype(np.uint8)


def line(grey: np.ndarray, *points: tuple[int, int], colour: int = INK, width: int = 5) -> None:
    cv2.polylines(grey, [np.array(points)], False, colour, width, cv2.LINE_AA)


def zeros(grey: np.ndarray, *places: tuple[int, int], colour: int = INK) -> None:
    for x, y in places:
        cv2.ellipse(grey, (x, y), (16, 28), 0, 0, 360, colour, 5, cv2.LINE_AA)


def counts(grey: np.ndarray, turns: int = 0) -> list[int]:
    return [len(row) for row in find_rows(scan(grey), turns)]


def row_of_zeros() -> np.ndarray:
    grey = blank()
    zeros(grey, *((x, 120) for x in range(100, 700, 80)))
    return grey


def test_blank_paper_has_no_digits():
    assert counts(blank()) == []


def test_rows_from_top_to_bottom_and_left_to_right():
    grey = row_of_zeros()
    zeros(grey, (100, 300), (200, 305), (400, 298))
    sheet = scan(grey)
    rows = find_rows(sheet)
    assert [len(row) for row in rows] == [8, 3]
    assert [round(digit.box.centre[0], -1) for digit in rows[1]] == [100, 200, 400]


def test_a_detached_bar_belongs_to_its_five():
    grey = row_of_zeros()
    line(grey, (300, 290), (296, 312), (318, 318), (322, 334), (300, 344))
    line(grey, (302, 280), (334, 276))
    assert counts(grey) == [8, 1]


def test_dots_belong_to_their_sign_only_where_signs_are_promised():
    grey = row_of_zeros()
    line(grey, (300, 320), (350, 320))
    for x, y in ((325, 300), (325, 340), (425, 285), (600, 320)):  # of a ÷, of an i, and dirt
        cv2.circle(grey, (x, y), 3, INK, -1, cv2.LINE_AA)
    line(grey, (425, 300), (425, 350))
    for dots, parts in ((False, [1, 1]), (True, [3, 2])):
        row = find_rows(scan(grey, dots), flat=True)[1]
        assert [len(sign.strokes) for sign in row] == parts


def test_the_strokes_of_an_open_four_belong_together():
    grey = row_of_zeros()
    line(grey, (300, 280), (290, 310), (318, 312))
    line(grey, (324, 278), (322, 340))
    assert counts(grey) == [8, 1]


def test_a_digit_that_printed_lines_broke_into_three_is_one():
    grey = row_of_zeros()
    line(grey, (290, 270), (316, 270), (312, 284))
    line(grey, (308, 293), (303, 303))
    line(grey, (300, 314), (300, 332), (320, 332))
    assert counts(grey) == [8, 1]


def test_pieces_that_meet_only_at_their_corners_are_one_digit():
    grey = row_of_zeros()
    line(grey, (286, 274), (304, 274), (304, 284))
    line(grey, (304, 306), (304, 326), (322, 326))
    assert counts(grey) == [8, 1]


def test_neighbours_that_nearly_touch_are_two():
    grey = row_of_zeros()
    zeros(grey, (300, 300), (341, 300))
    assert counts(grey) == [8, 2]


def test_a_line_that_pales_stays_one_digit():
    grey = row_of_zeros()
    cv2.ellipse(grey, (300, 300), (16, 28), 0, 0, 180, INK, 5, cv2.LINE_AA)
    cv2.ellipse(grey, (300, 300), (16, 28), 0, 180, 360, PAPER - 45, 5, cv2.LINE_AA)
    assert counts(grey) == [8, 1]


def test_specks_and_show_through_and_a_table_are_no_digits():
    grey = row_of_zeros()
    for x, y in ((60, 400), (500, 350), (640, 420)):
        cv2.circle(grey, (x, y), 3, INK, -1)
    zeros(grey, (300, 300), (400, 300), colour=PAPER - 16)
    grey[:, 770:] = 40
    grey[470:, :] = 40
    assert counts(grey) == [8]


def test_a_digit_may_touch_the_border_of_the_photo():
    grey = row_of_zeros()
    zeros(grey, (300, 474))
    assert counts(grey) == [8, 1]


@pytest.mark.parametrize("turns", range(4))
def test_a_photo_on_its_side_reads_the_same_when_turned(turns):
    upright = row_of_zeros()
    zeros(upright, (100, 300), (200, 305))
    line(upright, (300, 280), (300, 340))
    lying = np.ascontiguousarray(np.rot90(upright, -turns))
    sheet = scan(lying)
    rows = find_rows(sheet, turns)
    assert [len(row) for row in rows] == [8, 3]
    stem = cut(sheet, rows[1][2], turns)
    ring = cut(sheet, rows[0][0], turns)
    inked = [np.flatnonzero((image > 40).any(axis=axis)) for image in (stem, ring) for axis in (0, 1)]
    widths = [int(np.ptp(where)) + 1 for where in inked]
    assert widths[0] < 6
    assert widths[1] == widths[3] == 20
    assert 9 <= widths[2] <= 15


def test_cut_digits_are_in_normal_form_and_even_in_ink():
    grey = blank()
    grey = (grey * np.linspace(1, 0.45, grey.shape[1])).astype(np.uint8)  # light falls off to the right
    dark = grey.copy()
    zeros(dark, (100, 120), (300, 120), (500, 120), (700, 120), colour=0)
    cover = (dark < grey - 40).astype(np.float32)[..., None]
    photo = (grey * (1 - 0.6 * cover[..., 0])).astype(np.uint8)
    sheet = scan(photo)
    images = [cut(sheet, digit) for digit in find_rows(sheet)[0]]
    assert len(images) == 4
    for image in images:
        assert image.shape == (28, 28)
        assert image.max() == 255
        assert image[0].max() == image[-1].max() == 0
    means = [float(image.mean()) for image in images]
    assert max(means) < 1.15 * min(means)


def test_neighbours_do_not_show_in_each_others_images():
    grey = row_of_zeros()
    zeros(grey, (300, 300))
    line(grey, (322, 270), (345, 330))  # leans into the corner of the 0's box
    sheet = scan(grey)
    zero = find_rows(sheet)[1][0]
    alone = blank()
    zeros(alone, (300, 300), *((x, 120) for x in range(100, 700, 80)))
    other = scan(alone)
    clean = cut(other, find_rows(other)[1][0])
    assert np.abs(cut(sheet, zero).astype(int) - clean).mean() < 8


def test_a_photo_full_of_marks_is_refused_at_once():
    photo = np.full((900, 1200), 230, np.uint8)
    for top in range(10, 890, 16):
        for left in range(10, 1190, 16):
            photo[top : top + 8, left : left + 8] = 20
    with pytest.raises(ToolkitError, match="more than a page of writing has"):
        scan(photo)


def print_line(grey: np.ndarray, text: str, place: tuple[int, int]) -> None:
    cv2.putText(grey, text, place, cv2.FONT_HERSHEY_SIMPLEX, 1.0, INK, 1, cv2.LINE_AA)


def test_magnets_and_print_are_no_digits():
    grey = blank()
    for x in range(100, 700, 80):
        cv2.ellipse(grey, (x, 220), (20, 34), 0, 0, 360, INK, 10, cv2.LINE_AA)
    for x, radius in ((150, 13), (400, 11), (560, 12)):
        cv2.circle(grey, (x, 380), radius, INK, -1, cv2.LINE_AA)
    print_line(grey, "Please do not erase", (120, 165))  # near enough to be taken for bars of the digits below
    assert counts(grey) == [8]


def test_filled_loops_of_a_thick_pen_stay():
    grey = blank()
    for x in range(100, 700, 80):
        cv2.ellipse(grey, (x, 220), (16, 28), 0, 0, 360, INK, -1 if x == 180 else 14, cv2.LINE_AA)
    assert counts(grey) == [8]


def test_a_spot_may_be_a_sign_where_signs_are_promised():
    grey = row_of_zeros()
    cv2.circle(grey, (300, 320), 13, INK, -1, cv2.LINE_AA)
    assert [len(row) for row in find_rows(scan(grey))] == [8]
    assert [len(row) for row in find_rows(scan(grey, dots=True))] == [8, 1]
