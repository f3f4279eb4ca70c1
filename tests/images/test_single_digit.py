import cv2
import numpy as np
import pytest

from toolkit.errors import ToolkitError
from toolkit.images.normal_form import normal_form
from toolkit.images.single_digit import isolate_ink, shows_many


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


# what a pen draws, in shares of a square
DRAWN = {
    "1": [[(0.5, 0.12), (0.5, 0.88)]],
    "4 of two strokes": [[(0.35, 0.15), (0.25, 0.55), (0.75, 0.55)], [(0.62, 0.15), (0.6, 0.88)]],
    "open 4": [[(0.34, 0.2), (0.3, 0.5), (0.64, 0.52)], [(0.7, 0.15), (0.68, 0.85)]],
    "5 with its bar": [
        [(0.35, 0.24), (0.33, 0.48), (0.6, 0.48), (0.68, 0.65), (0.3, 0.82)],
        [(0.38, 0.13), (0.7, 0.11)],
    ],
    "8": [[(0.6, 0.2), (0.35, 0.25), (0.6, 0.6), (0.55, 0.85), (0.35, 0.75), (0.62, 0.4), (0.6, 0.2)]],
}


def drawing(parts, width: int) -> np.ndarray:
    canvas = np.full((280, 280), 255, np.uint8)
    for part in parts:
        cv2.polylines(canvas, [np.round(280 * np.array(part)).astype(int)], False, 0, width, cv2.LINE_AA)
    return canvas


def photographed(canvas: np.ndarray) -> np.ndarray:
    """Of paper in fading light, with the camera's noise."""
    grey = cv2.resize(canvas, None, fx=1.25, fy=1.25, interpolation=cv2.INTER_CUBIC).astype(float)
    y, x = np.mgrid[-1 : 1 : grey.shape[0] * 1j, -1 : 1 : grey.shape[1] * 1j]
    grey = (60 + 0.6 * grey) * (1 - 0.15 * (x * x + y * y))
    return np.clip(grey + np.random.default_rng(0).normal(0, 2, grey.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("width", [10, 30])
@pytest.mark.parametrize("name", DRAWN)
def test_one_digit_is_one_however_many_strokes_and_how_thick(name, width):
    canvas = drawing(DRAWN[name], width)
    assert not shows_many(canvas)
    assert not shows_many(255 - canvas)
    assert not shows_many(photographed(canvas))


def test_two_digits_are_many():
    small = [cv2.resize(drawing(DRAWN[name], 16), (140, 140), interpolation=cv2.INTER_AREA) for name in ("1", "8")]
    pair = np.pad(np.hstack(small), ((70, 70), (0, 0)), constant_values=255)
    assert shows_many(pair)
    assert shows_many(photographed(pair))


def test_many_in_the_shadow_of_a_vignette_are_many():
    page = np.full((500, 700), 255, np.uint8)
    for x in range(100, 650, 90):
        cv2.ellipse(page, (x, 180), (12, 22), 0, 0, 360, 170, 4, cv2.LINE_AA)
    y, x = np.mgrid[-1:1:500j, -1:1:700j]
    assert shows_many((page * (1 - 0.3 * (x * x + y * y))).clip(0, 255).astype(np.uint8))


def test_a_cut_digit_is_one_and_an_empty_page_is_not_many(examples):
    assert not any(shows_many(image) for image in examples["Test Set"].images[:, 0])
    assert not shows_many(np.full((300, 300), 220, np.uint8))
