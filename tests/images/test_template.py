import re
from itertools import combinations

import cv2
import numpy as np
import pytest

from benchmarks.simulate.printed import draw_template
from toolkit.errors import ToolkitError
from toolkit.images import template
from toolkit.images.template import (
    BOX_HEIGHT,
    BOX_WIDTH,
    COLUMNS,
    PAPERS,
    PIXELS_PER_MM,
    ROWS,
    Page,
    box_corner,
    box_of,
    find_page,
    flatten,
    write_template,
)

FINE = 6  # pixels per mm of the pages photographed here
PEN = (20, 30, 90)
DRAWN = {paper: draw_template(paper, FINE) for paper in PAPERS}


def photograph(drawn: np.ndarray, corners: list[tuple[float, float]], size: tuple[int, int]) -> np.ndarray:
    """The page on a dark table, its corners, clockwise from its top left, at these shares of width and height."""
    photo = np.full((size[1], size[0], 3), (90, 70, 50), np.uint8)
    towards = cv2.getPerspectiveTransform(_pixels_of_page(drawn), _pixels_of_photo(corners, size))
    return cv2.warpPerspective(drawn, towards, size, photo, cv2.INTER_AREA, cv2.BORDER_TRANSPARENT)


def truth(paper: str, corners: list[tuple[float, float]], size: tuple[int, int]) -> np.ndarray:
    """The homography from mm on the page to pixels of that photo."""
    towards = cv2.getPerspectiveTransform(_pixels_of_page(DRAWN[paper]), _pixels_of_photo(corners, size))
    return towards @ np.array([[FINE, 0, -0.5], [0, FINE, -0.5], [0, 0, 1]])


def _pixels_of_page(drawn: np.ndarray) -> np.ndarray:
    height, width = drawn.shape[:2]
    return np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32) - 0.5


def _pixels_of_photo(corners: list[tuple[float, float]], size: tuple[int, int]) -> np.ndarray:
    return np.array(corners, np.float32) * np.array(size, np.float32) - 0.5


def middles(paper: str) -> np.ndarray:
    """The middle of every box on the page, mm."""
    corners = np.array([box_corner(paper, row, column) for row in range(ROWS) for column in range(COLUMNS)])
    return corners + np.array([BOX_WIDTH, BOX_HEIGHT]) / 2


def off_by(photo: np.ndarray, homography: np.ndarray, paper: str) -> float:
    """The largest error over all boxes, in mm on the page."""
    page = find_page(photo)
    assert page is not None
    assert page.paper == paper
    seen = page.to_photo(middles(paper))
    on_page = cv2.perspectiveTransform(seen[:, None], np.linalg.inv(homography))[:, 0]
    return float(np.linalg.norm(on_page - middles(paper), axis=1).max())


STRAIGHT = [(0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9)]
SLANTED = [(0.28, 0.2), (0.7, 0.17), (0.93, 0.9), (0.04, 0.85)]  # far edge at half the size of the near one
SIZE = (1200, 1600)
SMALL = (612, 816)  # half a megapixel


@pytest.mark.parametrize(("paper", "points"), [("a4", (595.3, 841.9)), ("letter", (612.0, 792.0))])
def test_pdf_is_one_page_of_the_true_size(tmp_path, paper, points):
    content = write_template(tmp_path / "new" / "page.pdf", paper).read_bytes()
    assert content.startswith(b"%PDF")
    assert len(re.findall(rb"/Type /Page\b", content)) == 1
    [box] = re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", content)
    assert [float(length) for length in box] == pytest.approx(points, abs=0.1)


def test_pdf_is_the_same_every_time(tmp_path):
    first, second = (write_template(tmp_path / name).read_bytes() for name in ("first.pdf", "second.pdf"))
    assert first == second
    assert b"CreationDate" not in first
    assert b"ModDate" not in first


def test_unknown_paper_is_refused_and_nothing_written(tmp_path):
    with pytest.raises(ToolkitError, match="a4, letter"):
        write_template(tmp_path / "page.pdf", "a5")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("paper", PAPERS)
def test_page_is_drawn_in_mm_and_leaves_a_margin_that_printers_can_print(paper):
    width, height = PAPERS[paper]
    image = DRAWN[paper]
    assert image.shape == (round(height * FINE), round(width * FINE), 3)
    inked = np.argwhere((image < 255).any(axis=2)) / FINE
    assert inked.min() >= 8
    assert (inked.max(axis=0) <= np.array([height, width]) - 8).all()
    for row, column in ((0, 0), (4, 7), (9, 11)):
        x, y = box_corner(paper, row, column)
        left, right, top, bottom = (round(edge * FINE) for edge in (x, x + BOX_WIDTH, y, y + BOX_HEIGHT))
        inside = image[top:bottom, left:right]
        border = np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]])
        assert (border == template.DROP).all()
        assert (inside[3:-3, 3:-3] == 255).all()
        assert (image[top - 3 : bottom + 3, left - 3 : right + 3].reshape(-1, 3)[:4] == 255).all()


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("turns", range(4))
def test_page_is_found_in_every_orientation(paper, turns):
    corners = STRAIGHT[turns:] + STRAIGHT[:turns]
    size = SIZE if turns % 2 == 0 else SIZE[::-1]
    assert off_by(photograph(DRAWN[paper], corners, size), truth(paper, corners, size), paper) < 0.2


@pytest.mark.parametrize("size", [SIZE, SMALL])
@pytest.mark.parametrize("turns", range(4))
def test_page_is_found_under_hard_perspective(size, turns):
    corners = SLANTED[turns:] + SLANTED[:turns]
    assert off_by(photograph(DRAWN["a4"], corners, size), truth("a4", corners, size), "a4") < 0.5


def test_page_is_found_in_a_large_photo():
    size = (3600, 4800)
    assert off_by(photograph(DRAWN["a4"], SLANTED, size), truth("a4", SLANTED, size), "a4") < 0.2


def test_page_is_found_in_uneven_light_and_noise():
    photo = photograph(DRAWN["a4"], SLANTED, SIZE) * np.linspace(0.25, 1, SIZE[0])[None, :, None]
    photo += np.random.default_rng(0).normal(0, 6, photo.shape)
    photo = np.clip(photo, 0, 255).astype(np.uint8)
    assert off_by(photo, truth("a4", SLANTED, SIZE), "a4") < 0.5


def without_markers(covered: list[int]) -> np.ndarray:
    drawn = DRAWN["a4"].copy()
    for left, top in template._marker_places("a4")[covered]:
        middle = [round((length + template.MARKER / 2) * FINE) for length in (left, top)]
        cv2.circle(drawn, middle, round(9 * FINE), (200, 150, 130), -1)  # a thumb
    return drawn


@pytest.mark.parametrize("covered", [[0], [1], [8], [9], [0, 9], [0, 1, 8, 9]])
def test_corners_may_be_covered(covered):
    assert off_by(photograph(without_markers(covered), SLANTED, SIZE), truth("a4", SLANTED, SIZE), "a4") < 0.5


@pytest.mark.parametrize("left", list(combinations([0, 1, 8, 9], 3)))
def test_three_markers_suffice(left):
    photo = photograph(without_markers([place for place in range(12) if place not in left]), SLANTED, SIZE)
    assert len(find_page(photo).anchors) == 3
    assert off_by(photo, truth("a4", SLANTED, SIZE), "a4") < 0.5


@pytest.mark.parametrize("left", [[0, 9], [0, 2, 4, 6, 8], [0, 10, 1]])
def test_too_few_markers_or_only_one_line_of_them_is_no_page(left):
    drawn = without_markers([place for place in range(12) if place not in left])
    assert find_page(photograph(drawn, STRAIGHT, SIZE)) is None


def test_a_stray_marker_does_no_harm():
    drawn = without_markers([2, 3, 4, 5, 6, 7, 10, 11])
    stray = cv2.aruco.generateImageMarker(cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50), 3, 84)
    drawn[880:1004, 580:704] = 255
    drawn[900:984, 600:684] = stray[:, :, None]
    photo = photograph(drawn, STRAIGHT, SIZE)
    assert len(find_page(photo).anchors) == 4
    assert off_by(photo, truth("a4", STRAIGHT, SIZE), "a4") < 0.2


def test_a_photo_without_the_page_has_none():
    assert find_page(np.full((800, 600, 3), 200, np.uint8)) is None
    noise = np.random.default_rng(0).integers(0, 256, (60, 45, 3), dtype=np.uint8)
    assert find_page(cv2.resize(noise, (600, 800), interpolation=cv2.INTER_NEAREST)) is None


def with_ink(paper: str, row: int, column: int) -> np.ndarray:
    """The page with a cross in one box, from corner to corner of its middle."""
    drawn = DRAWN[paper].copy()
    corner = box_corner(paper, row, column)
    ends = np.array([corner + 2, corner + np.array([BOX_WIDTH, BOX_HEIGHT]) - 2])
    for first, second in (ends, [(ends[0][0], ends[1][1]), (ends[1][0], ends[0][1])]):
        points = [tuple(round(length * FINE) for length in end) for end in (first, second)]
        cv2.line(drawn, *points, PEN, round(0.7 * FINE), cv2.LINE_AA)
    return drawn


@pytest.mark.parametrize(("paper", "row", "column"), [("a4", 0, 0), ("letter", 3, 11), ("a4", 9, 6)])
@pytest.mark.parametrize("turns", range(4))
def test_ink_appears_in_its_box_and_the_boxes_vanish(paper, row, column, turns):
    corners = SLANTED[turns:] + SLANTED[:turns]
    photo = photograph(with_ink(paper, row, column), corners, SIZE)
    flat = flatten(photo, find_page(photo))
    assert flat.shape == (1752, 1262)
    assert flat.dtype == np.uint8
    ys, xs = np.nonzero(flat < 180)
    left, top, right, bottom = box_of(row, column)
    around = 2 * PIXELS_PER_MM  # the cross keeps so far from its box
    assert [xs.min(), ys.min()] == pytest.approx([left + around, top + around], abs=PIXELS_PER_MM)
    assert [xs.max(), ys.max()] == pytest.approx([right - around, bottom - around], abs=PIXELS_PER_MM)
    assert np.median(flat) - flat[ys, xs].min() > 150
    flat[top:bottom, left:right] = 255
    assert flat.min() > 245  # neither lines nor labels nor markers, while ink is below 100


def test_creased_paper_is_followed():
    """Folded in the middle and standing up there, as seen from one side: the middle shifts by 6 mm."""
    drawn = with_ink("a4", 5, 3)
    ys, xs = np.mgrid[: drawn.shape[0], : drawn.shape[1]].astype(np.float32)
    risen = 6 * FINE * (1 - np.abs(ys / drawn.shape[0] - 0.5) * 2)
    creased = cv2.remap(drawn, xs - risen, ys, None, cv2.INTER_LINEAR, borderValue=(255, 255, 255))
    photo = photograph(creased, STRAIGHT, SIZE)
    flat = flatten(photo, find_page(photo))
    left, top, right, bottom = box_of(5, 3)
    ys, xs = np.nonzero(flat < 150)
    assert [xs.mean(), ys.mean()] == pytest.approx([(left + right) / 2, (top + bottom) / 2], abs=1.5 * PIXELS_PER_MM)


def seen_from_above(pixels_per_mm: float) -> Page:
    """A flat page, the left top of its flattened part in the left top of the photo."""
    left, top = box_corner("a4", 0, 0) - template.OVERSTEP
    homography = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1 / pixels_per_mm]]) * pixels_per_mm
    homography[:2, 2] -= 0.5
    anchors = template._marker_places("a4") + template.MARKER / 2
    return Page("a4", False, homography, anchors, np.zeros_like(anchors))


def test_pixels_as_fine_as_the_flattened_page_come_out_as_they_are():
    photo = np.random.default_rng(0).integers(0, 256, (1752, 1262, 3), dtype=np.uint8)
    off = flatten(photo, seen_from_above(PIXELS_PER_MM)).astype(int) - photo[:, :, 0]
    assert np.abs(off).max() <= 2


def test_finer_pixels_are_averaged():
    photo = np.random.default_rng(0).choice([0, 255], (1200, 1200, 3)).astype(np.uint8)
    flat = flatten(photo, seen_from_above(4 * PIXELS_PER_MM))[50:250, 50:250]
    assert flat.mean() == pytest.approx(127, abs=3)
    assert flat.std() < 127 / 4 + 3  # of 16 pixels each


def test_what_the_photo_does_not_show_is_white():
    flat = flatten(np.full((800, 700, 3), 120, np.uint8), seen_from_above(PIXELS_PER_MM))
    assert (flat[:799, :699] == 120).all()
    assert (flat[801:] == 255).all()
    assert (flat[:, 701:] == 255).all()


def test_boxes_lie_in_order_without_touching():
    boxes = np.array([[box_of(row, column) for column in range(COLUMNS)] for row in range(ROWS)])
    assert (boxes[:, 1:, 0] > boxes[:, :-1, 2]).all()
    assert (boxes[1:, :, 1] > boxes[:-1, :, 3]).all()
    assert boxes.min() == template.OVERSTEP * PIXELS_PER_MM


def test_a_line_of_pixels_shows_no_page():
    assert find_page(np.full((30_000, 1, 3), 200, np.uint8)) is None
