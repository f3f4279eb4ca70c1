import cv2
import numpy as np
import pytest
from PIL import Image

from toolkit.classes import DIGITS
from toolkit.data.sheet_layout import Layout
from toolkit.data.sheets import Reading
from toolkit.errors import ToolkitError
from toolkit.evaluation.prediction import Answer, Found
from toolkit.images.box import Box
from toolkit.reporting.sheet_pictures import (
    DOUBTFUL,
    GOOD,
    SKIPPED,
    WRONG,
    crop_rows,
    draw_found,
    draw_frames,
    draw_overlay,
    draw_sets,
    draw_tiles,
    save_picture,
)


def reading(tmp_path, counts=(2, 1), rows=("12", "3"), turns=0, skipped=()) -> Reading:
    boxes = [Box(100, 100, 140, 160), Box(300, 100, 340, 160), Box(100, 300, 140, 360)]
    return Reading(
        photo=tmp_path / "photo.jpg",
        picture=np.full((500, 600), 230, np.uint8),
        turns=turns,
        layout=Layout(tuple(map(tuple, rows))),
        counts=counts,
        images=np.zeros((3, 1, 28, 28), np.uint8),
        boxes=tuple(boxes),
        probabilities=np.full((3, 10), 0.1),
        known=DIGITS,
        found=((1, 1), (1, 2), (2, 1)),
        given=(None,) * 3,
        skipped=skipped,
    )


def has(image: Image.Image, colour: str) -> bool:
    pixels = np.asarray(image).reshape(-1, 3)
    return bool((pixels == tuple(bytes.fromhex(colour[1:]))).all(axis=1).any())


def test_overlay_marks_good_doubtful_and_skipped(tmp_path):
    image = draw_overlay(reading(tmp_path, skipped=(Box(400, 400, 440, 460),)), ["1", "2", "3"], [[], ["odd"], []])
    assert image.size == (600, 500)
    assert has(image, GOOD)
    assert has(image, DOUBTFUL)
    assert has(image, SKIPPED)
    assert not has(image, WRONG)


def test_overlay_and_crop_show_the_wrong_row(tmp_path):
    wrong = reading(tmp_path, rows=("12", "33"))
    overlay = draw_overlay(wrong, None, [])
    assert has(overlay, WRONG)
    cropped = crop_rows(wrong, overlay)
    assert cropped.width == overlay.width
    assert cropped.height < 250
    assert has(cropped, WRONG)
    missing = reading(tmp_path, rows=("12",))
    assert crop_rows(missing, overlay).size == overlay.size


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_overlay_is_upright(tmp_path, turns):
    assert draw_overlay(reading(tmp_path, turns=turns), None, []).size == ((500, 600) if turns % 2 else (600, 500))


def test_large_photos_become_smaller_pictures(tmp_path):
    large = Reading(**{**vars(reading(tmp_path)), "picture": np.zeros((3000, 4000), np.uint8)})
    assert max(draw_overlay(large, None, []).size) == 2000


def test_contact_sheet_numbers_and_explains_doubts(examples):
    doubts = {name: [[] for _ in digits.labels] for name, digits in examples.items()}
    without = draw_sets(examples, doubts, "title")
    doubts["Test Set"][4] = ["label probably wrong, more like 9"]
    with_doubt = draw_sets(examples, doubts, "title")
    assert not has(without, DOUBTFUL)
    assert has(with_doubt, DOUBTFUL)
    assert with_doubt.height > without.height


def test_pictures_carry_no_metadata(tmp_path):
    for name in ("a.png", "a.jpg"):
        with Image.open(save_picture(Image.new("RGB", (20, 20)), tmp_path / name)) as image:
            assert not image.getexif()


@pytest.mark.parametrize("name", ["picture", "a.foo"])
def test_a_name_that_is_no_pictures_is_refused_in_one_line(tmp_path, name):
    with pytest.raises(ToolkitError, match=r"Name one that ends in \.png or \.jpg"):
        save_picture(Image.new("RGB", (20, 20)), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def plates(boxes, size=(400, 600)) -> list[tuple[int, int, int, int]]:
    """Where the filled plates of labels lie: left, top, right, bottom."""
    image = draw_frames(np.full(size, 230, np.uint8), [(box, GOOD, "7") for box in boxes])
    own = (np.asarray(image) == tuple(bytes.fromhex(GOOD[1:]))).all(axis=2).astype(np.uint8)
    solid = cv2.morphologyEx(own, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))  # frames are thinner
    closed = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))  # over the letters
    _, _, stats, _ = cv2.connectedComponentsWithStats(closed)
    return [(x, y, x + width, y + height) for x, y, width, height, _ in stats[1:].tolist()]


def test_labels_have_one_size_whatever_the_box():
    found = plates([(50, 60, 70, 90), (200, 100, 500, 380)])
    assert len(found) == 2
    sizes = [(right - left, bottom - top) for left, top, right, bottom in found]
    assert np.abs(np.diff(sizes, axis=0)).max() <= 1
    assert min(sizes[0]) >= 8


@pytest.mark.parametrize("place", [(100, 100), (100, 0), (0, 340), (560, 0), (100, 148)])
def test_labels_cover_no_digit_and_stay_in_the_picture(place):
    boxes = [(100, 90, 140, 140), (place[0], place[1], place[0] + 40, place[1] + 58)]
    for left, top, right, bottom in plates(boxes[place == (100, 100) :]):
        assert left >= 0
        assert top >= 0
        assert right <= 600
        assert bottom <= 400
        for box in boxes[place == (100, 100) :]:
            assert min(right, box[2]) - max(left, box[0]) <= 1 or min(bottom, box[3]) - max(top, box[1]) <= 1


def test_what_is_read_is_drawn_with_doubts_in_orange():
    def found(probability: float, left: int) -> Found:
        return Found(1, 1, Box(left, 50, left + 40, 110), Answer((("3", probability),)), np.zeros((28, 28), np.uint8))

    image = draw_found(np.full((200, 300), 220, np.uint8), [[found(0.99, 40), found(0.5, 150)]])
    assert has(image, GOOD)
    assert has(image, DOUBTFUL)


def test_tiles_show_the_first_images_of_the_first_classes(examples):
    digits = examples["Training Set"]
    tiles = np.asarray(draw_tiles(digits, 3, most=4))[::4, ::4]
    assert tiles.shape == (4 * 28, 3 * 28)
    second_two = digits.images[digits.labels == 2, 0][1]
    assert (tiles[2 * 28 : 3 * 28, 28 : 2 * 28] == 255 - second_two).all()
    assert (np.asarray(draw_tiles(digits, 9))[:, -4 * 28 :] == 255).all()  # there are eight
