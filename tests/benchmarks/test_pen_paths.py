import cv2
import numpy as np
import pytest

from benchmarks.example_digits import PATHS, PEN
from benchmarks.pen_paths import BORDER, ENLARGEMENT, WAYS, PenPath, find_paths, load_paths, save_paths


@pytest.fixture(scope="module")
def shipped() -> list[PenPath]:
    """What the writer of the shipped digits wrote."""
    return load_paths(PATHS)[:130]


def bitmap_of(path: PenPath, width: float) -> np.ndarray:
    """What is left of a path at 32x32."""
    edge = BORDER * ENLARGEMENT
    inside = path.draw(width)[edge:-edge, edge:-edge]
    return cv2.resize(inside, None, fx=1 / ENLARGEMENT, fy=1 / ENLARGEMENT, interpolation=cv2.INTER_AREA) > 127


def loops_of(path: PenPath) -> int:
    """How many pieces of paper the pen's line encloses."""
    return cv2.connectedComponents((path.draw(PEN) < 128).astype(np.uint8), connectivity=4)[0] - 2


def test_the_path_is_found_again_from_the_ink_of_a_thick_pen(shipped):
    written = next(path for path in shipped if path.digit == "9")
    found = find_paths(bitmap_of(written, 5)[None], "9")[0]
    assert found.width == pytest.approx(5, abs=0.5)
    then, again = written.draw(4) > 127, found.draw(4) > 127
    assert (then & again).sum() / (then | again).sum() > 0.8


def test_ways_are_told_apart(shipped):
    assert {path.way for path in shipped if path.digit == "7"} == {1}  # this writer's have a bar


def test_a_fine_pen_leaves_loops_open_and_makes_none_of_its_own(shipped):
    expected = {"0": 1, "6": 1, "8": 2, "9": 1}
    wrong = [path.digit for path in shipped if loops_of(path) != expected.get(path.digit, 0)]
    assert len(wrong) <= 0.1 * len(shipped), wrong


@pytest.mark.parametrize("width", [1.0, PEN, 5.0])
def test_lines_are_as_wide_as_told(width):
    straight = PenPath("1", 0, 5.0, np.array([[16, 2], [16, 12], [16, 20], [16, 30]]))
    across = straight.draw(width)[80].sum() / 255
    assert across == pytest.approx(ENLARGEMENT * width, abs=1.2)


def test_points_that_are_equal_in_a_way_stay_one():
    path = PenPath("8", 0, 5.0, np.random.default_rng(0).uniform(4, 28, (12, 2)))
    assert len(WAYS["8"][0][0].split()) == 13
    ink = path.draw(1)
    assert cv2.connectedComponents((ink > 127).astype(np.uint8))[0] == 2


def test_paths_are_kept_to_a_tenth_of_a_pixel(shipped, tmp_path):
    save_paths(shipped, tmp_path / "paths.csv")
    again = load_paths(tmp_path / "paths.csv")
    assert [(path.digit, path.way, path.width) for path in again] == [(p.digit, p.way, p.width) for p in shipped]
    for path, other in zip(shipped, again, strict=True):
        np.testing.assert_array_equal(path.points, other.points)
    moved = PenPath("1", 0, 5.04, np.array([[1.234, 5], [2, 3], [3, 4], [4, 5.66]]))
    save_paths([moved], tmp_path / "paths.csv")
    np.testing.assert_array_equal(load_paths(tmp_path / "paths.csv")[0].points, np.round(moved.points, 1))
