import numpy as np

from toolkit.data.example_digits import enlarge, example_sets
from toolkit.paths import ROOT


def test_the_shipped_sets_are_made_again_byte_for_byte(digits):
    made = {path.relative_to(digits): path.read_bytes() for path in digits.rglob("*.jpg")}
    shipped = {path.relative_to(ROOT): path.read_bytes() for path in ROOT.glob("* Set/*/*.jpg")}
    assert made == shipped
    assert len(made) == 120


def test_no_image_is_in_two_sets(examples):
    images = [image.tobytes() for part in examples.values() for image in part.images]
    assert len(set(images)) == 120


def test_enlarged_ink_is_where_the_counts_are():
    counts = np.zeros((8, 8))
    counts[2:6, 3:5] = 16
    ink = enlarge(counts)
    assert ink.shape == (160, 160)
    assert ink[80, 80] > 240
    assert ink[:40].max() == 0


def test_the_first_twelve_of_each_digit_are_taken():
    assert {name: part.class_counts().tolist() for name, part in example_sets().items()} == {
        "Training Set": [8] * 10,
        "Validation Set": [2] * 10,
        "Test Set": [2] * 10,
    }
