import itertools

import cv2
import numpy as np
import pytest

from toolkit.errors import ToolkitError
from toolkit.images.ink import drawn_tables, map_ink

HEIGHT, WIDTH = 600, 900


def page(light: np.ndarray | float = 1.0, noise: float = 2.0, seed: int = 0) -> np.ndarray:
    """Paper with a big 0, lit and photographed."""
    paper = np.full((HEIGHT, WIDTH), 220, np.uint8)
    cv2.ellipse(paper, (450, 300), (40, 60), 0, 0, 360, 60, 8)
    grey = paper * light + np.random.default_rng(seed).normal(0, noise, paper.shape)
    return np.clip(grey, 0, 255).astype(np.uint8)


def ring() -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.ellipse(mask, (450, 300), (40, 60), 0, 0, 360, 1, 8)
    return mask > 0


def assert_only_the_ring(strokes: np.ndarray) -> None:
    near = cv2.dilate(ring().astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    assert strokes[ring()].mean() > 0.95
    assert strokes[~near].mean() < 0.002


def test_ink_on_even_paper():
    assert_only_the_ring(map_ink(page()).strokes)


@pytest.mark.parametrize("name", ["vignetting", "gradient", "shadow"])
def test_uneven_light_is_no_ink(name):
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    light = {
        "vignetting": 1 - 0.5 * np.hypot(x - 450, y - 300) / 540,
        "gradient": 0.4 + 0.6 * x / WIDTH,
        "shadow": np.clip(0.8 + (x + y - 700) / 80, 0.6, 1.0),
    }[name]
    assert_only_the_ring(map_ink(page(light)).strokes)


def test_contrast_is_the_share_of_light_that_ink_takes():
    for light in (1.0, 0.5):
        ink = map_ink(page(light, noise=0))
        assert ink.contrast[ring()].mean() == pytest.approx(1 - 60 / 220, abs=0.08)


def test_light_ink_on_a_dark_ground():
    ink = map_ink(255 - page())
    assert ink.inverted
    assert_only_the_ring(ink.strokes)
    assert not map_ink(page(0.4)).inverted  # a dim photo of dark ink


def with_lines(grey: np.ndarray, colour: int, spacing: int, squared: bool, tilt: int = 12) -> np.ndarray:
    grey = grey.copy()
    for y in range(30, HEIGHT, spacing):
        cv2.line(grey, (0, y), (WIDTH, y + tilt), colour, 2)
    if squared:
        for x in range(30, WIDTH, spacing):
            cv2.line(grey, (x, 0), (x - tilt, HEIGHT), colour, 2)
    return grey


@pytest.mark.parametrize("squared", [False, True], ids=["ruled", "squared"])
@pytest.mark.parametrize("colour", [90, 170])
def test_printed_lines_go_and_what_crosses_them_stays(colour, squared):
    strokes = map_ink(with_lines(page(), colour, 50, squared)).strokes
    near = cv2.dilate(ring().astype(np.uint8), np.ones((13, 13), np.uint8)) > 0
    assert strokes[ring()].mean() > 0.9
    assert strokes[~near].mean() < 0.005


def test_bars_of_digits_in_one_line_are_no_printed_line():
    grey = page()
    for left in range(40, 860, 90):
        cv2.line(grey, (left, 500), (left + 45, 500), 60, 6)
    strokes = map_ink(grey).strokes
    assert strokes[499:502, 40:86].mean() > 0.95


def test_a_row_of_broad_digits_is_no_printed_line():
    grey = np.full((HEIGHT, WIDTH), 220, np.uint8)
    for left in range(40, 830, 75):
        cv2.rectangle(grey, (left, 480), (left + 40, 540), 60, 12)
    strokes = map_ink(grey).strokes
    assert strokes[480, 40:80].mean() > 0.95
    assert strokes[540, 40:80].mean() > 0.95


def test_large_photos_are_reduced():
    ink = map_ink(cv2.resize(page(), None, fx=4, fy=4))
    assert ink.scale == pytest.approx(2000 / 3600)
    assert max(ink.strokes.shape) == 2000


def test_a_photo_too_small_for_a_sheet():
    with pytest.raises(ToolkitError, match="too small"):
        map_ink(np.full((10, 200), 255, np.uint8))


@pytest.mark.parametrize(
    ("enclosed", "level", "goes"),
    [(3, 0.7, True), (3, 0.25, False), (1, 0.7, False), (0, 0.7, False)],
    ids=["table", "edge of a shadow", "ring around one", "large sign"],
)
def test_a_frame_drawn_by_hand_is_one_when_it_encloses_strokes_as_dark(enclosed, level, goes):
    random = np.random.default_rng(0)
    frame, rings = np.zeros((400, 600), np.uint8), np.zeros((400, 600), np.uint8)
    corners = np.array([(60, 60), (540, 60), (540, 340), (60, 340), (60, 60)])
    along = np.concatenate([np.linspace(a, b, 30) for a, b in itertools.pairwise(corners)])
    cv2.polylines(frame, [np.round(along + random.normal(0, 2, along.shape)).astype(int)], False, 1, 7)
    for x in range(120, 120 + 150 * enclosed, 150):
        cv2.ellipse(rings, (x, 140), (14, 24), 0, 0, 360, 1, 5)
    contrast = level * frame + 0.7 * rings.astype(np.float32)
    strokes = (frame | rings) > 0
    tables = drawn_tables(strokes, strokes, contrast.astype(np.float32))
    assert np.array_equal(tables, frame > 0 if goes else np.zeros_like(strokes))


def test_digits_in_a_table_drawn_by_hand_are_strokes_of_their_own():
    grey = np.full((400, 600), 220, np.uint8)
    random = np.random.default_rng(0)
    for axis, ends, places in ((0, (30, 570), (80, 200, 320)), (1, (70, 325), (40, 220, 400, 560))):
        for place in places:
            along = np.linspace(*ends, 40)
            points = np.column_stack([along, place + cv2.GaussianBlur(random.normal(0, 3, (40, 1)), (0, 0), 1.5)[:, 0]])
            cv2.polylines(grey, [points[:, :: 1 - 2 * axis].round().astype(int)], False, 60, 7, cv2.LINE_AA)
    for x in (130, 310, 480):
        cv2.ellipse(grey, (x, 140), (14, 24), 0, 0, 360, 60, 5, cv2.LINE_AA)
    _, _, stats, _ = cv2.connectedComponentsWithStats(map_ink(grey).strokes.astype(np.uint8))
    assert (stats[1:, cv2.CC_STAT_AREA] > 50).sum() == 3
