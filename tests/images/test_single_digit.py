import cv2
import numpy as np
import pytest

from toolkit.errors import ToolkitError
from toolkit.images.normal_form import normal_form
from toolkit.images.single_digit import isolate_ink


def photo(side: int = 400, ink: int = 60, paper: int = 200) -> np.ndarray:
    """A seven on evenly lit paper."""
    grey = np.full((side, side), paper, np.uint8)
    strokes = np.array([[130, 100], [270, 100], [180, 300]]) * side // 400
    cv2.polylines(grey, [strokes.astype(np.int32)], False, ink, thickness=max(2, side // 20), lineType=cv2.LINE_AA)
    return grey


REFERENCE = normal_form(isolate_ink(photo()))


def difference(grey: np.ndarray) -> float:
    return float(np.abs(normal_form(isolate_ink(grey)).astype(int) - REFERENCE).mean())


def test_ink_is_bright_on_black():
    ink = isolate_ink(photo())
    assert ink.dtype == np.uint8
    assert ink[100, 200] == 255
    assert ink[200, 50] == 0


def test_light_ink_on_a_dark_ground_reads_the_same():
    assert difference(255 - photo()) < 2


@pytest.mark.parametrize(("ink", "paper"), [(30, 110), (220, 140), (150, 240)])
def test_dim_and_pale_pictures_read_the_same(ink, paper):
    assert difference(photo(ink=ink, paper=paper)) < 2


@pytest.mark.parametrize("shape", [(3, 5000), (1, 1), (5000, 1)])
def test_odd_shapes_are_refused_like_empty_paper(shape):
    with pytest.raises(ToolkitError, match="No digit"):
        isolate_ink(np.full(shape, 200, np.uint8))


def test_uneven_light_reads_the_same():
    light = np.linspace(0.45, 1.0, 400)[None, :] * np.linspace(0.8, 1.0, 400)[:, None]
    assert difference((photo() * light).astype(np.uint8)) < 8


def test_size_hardly_matters():
    assert difference(photo(side=1600)) < 6
    assert difference(photo(side=120)) < 10


def test_noise_specks_and_a_dark_table_edge_are_left_out():
    grey = photo().astype(int) + np.random.default_rng(0).normal(0, 6, (400, 400)).round().astype(int)
    grey[20:24, 20:24] = 60
    grey[385:, :] = 40
    assert difference(np.clip(grey, 0, 255).astype(np.uint8)) < 8


def test_a_digit_cut_out_tightly_is_kept():
    tight = photo()[88:313, 118:283]
    assert difference(tight) < 8


@pytest.mark.parametrize("grey", [np.full((300, 300), 190, np.uint8), np.full((28, 28), 3, np.uint8)])
def test_empty_paper_is_refused(grey):
    with pytest.raises(ToolkitError, match="No digit stands out"):
        isolate_ink(grey)
