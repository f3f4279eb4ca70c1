import numpy as np
import pytest

from toolkit.errors import ToolkitError
from toolkit.images.normal_form import MIDDLE, normal_form


def bar(height: int, width: int, canvas: tuple[int, int] = (200, 300), at: tuple[int, int] = (10, 20)) -> np.ndarray:
    ink = np.zeros(canvas, np.uint8)
    ink[at[0] : at[0] + height, at[1] : at[1] + width] = 200
    return ink


def extent(image: np.ndarray) -> tuple[int, int]:
    rows, columns = np.nonzero(image > 12)
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


@pytest.mark.parametrize(("size", "expected"), [((100, 50), (20, 10)), ((30, 120), (5, 20)), ((8, 8), (20, 20))])
def test_ink_fits_20_by_20_with_its_aspect_kept(size, expected):
    assert extent(normal_form(bar(*size))) == expected


@pytest.mark.parametrize("at", [(0, 0), (90, 240), (33, 77)])
def test_the_place_on_the_paper_does_not_matter(at):
    assert np.array_equal(normal_form(bar(100, 50, at=at)), normal_form(bar(100, 50)))


def test_centre_of_mass_lies_in_the_middle():
    ink = bar(100, 100)
    ink[70:110, 20:120] = 60  # lighter below: the mass sits higher than the box
    image = normal_form(ink).astype(float)
    for axis in (0, 1):
        weights = image.sum(axis=1 - axis)
        assert abs((weights * np.arange(28)).sum() / weights.sum() - MIDDLE) <= 0.5


def test_ink_never_leaves_the_image_however_uneven_it_is():
    ink = bar(100, 100)
    ink[12:, 20:] = np.where(ink[12:, 20:] > 0, 20, 0)  # nearly all weight in the top rows
    assert extent(normal_form(ink)) == (20, 20)


def test_faint_ink_becomes_full_ink():
    assert normal_form(bar(100, 50) // 4).max() == 255


def test_a_normal_form_stays_as_it_is(examples):
    images = examples["Training Set"].images[:, 0]
    again = np.stack([normal_form(image) for image in images])
    assert np.abs(again.astype(int) - images).mean() < 1


@pytest.mark.parametrize("shape", [(28, 28), (1, 1), (0, 5)])
def test_no_ink_is_refused(shape):
    with pytest.raises(ToolkitError, match="no ink"):
        normal_form(np.zeros(shape, np.uint8))


def test_dust_is_refused():
    ink = np.zeros((640, 640), np.uint8)
    ink[0, 0] = ink[-1, -1] = 255
    with pytest.raises(ToolkitError, match="only dust"):
        normal_form(ink)


def test_a_single_pixel_of_ink_is_enough():
    ink = np.zeros((50, 50), np.uint8)
    ink[3, 4] = 255
    assert extent(normal_form(ink)) == (20, 20)
