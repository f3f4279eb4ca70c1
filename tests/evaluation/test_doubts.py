import numpy as np
import pytest

from benchmarks.example_digits import writer_digits
from toolkit.classes import DIGITS
from toolkit.data.labelled_images import LabelledImages
from toolkit.evaluation.doubts import find_doubts


@pytest.fixture
def digits(examples):
    return examples["Validation Set"]


def sure_of(labels: np.ndarray) -> np.ndarray:
    return np.eye(10)[labels]


def changed(digits: LabelledImages, number: int, image: np.ndarray) -> LabelledImages:
    images = digits.images.copy()
    images[number, 0] = image
    return LabelledImages(images, digits.labels, digits.classes)


def test_good_digits_raise_no_doubt(digits):
    assert find_doubts(digits, sure_of(digits.labels), DIGITS) == [[]] * 20


def test_a_label_the_model_contradicts_is_shown_and_kept(digits):
    probabilities = sure_of(digits.labels)
    probabilities[3] = 0
    probabilities[3, [7, 1]] = 0.95, 0.05
    assert find_doubts(digits, probabilities, DIGITS)[3] == ["read as 7 (95 % sure)"]
    probabilities[3, [7, 1]] = 0.6, 0.4
    assert find_doubts(digits, probabilities, DIGITS)[3] == []


def test_images_unlike_mnist(digits):
    original = digits.images[0, 0]
    small = np.zeros((28, 28), np.uint8)
    small[9:19, 9:19] = original[4:24:2, 4:24:2]
    solid = np.zeros((28, 28), np.uint8)
    solid[4:24, 4:24] = 255
    cases = {
        "very little ink": (original > 250) * np.uint8(60),
        "very much ink": solid,
        "off centre": np.roll(original, 4, axis=1),
        "pixels long, MNIST's are 20": small,
        "no ink": np.zeros((28, 28), np.uint8),
    }
    for reason, image in cases.items():
        found = find_doubts(changed(digits, 0, image), sure_of(digits.labels), DIGITS)
        assert any(reason in told for told in found[0]), reason
        assert found[1:] == [[]] * 19


def test_near_duplicates_name_each_other(digits):
    twin = np.clip(digits.images[2, 0].astype(int) + 3, 0, 255).astype(np.uint8)
    found = find_doubts(changed(digits, 5, twin), sure_of(digits.labels), DIGITS, [f"image {n}" for n in range(20)])
    assert found[2] == ["nearly the same as image 5"]
    assert found[5] == ["nearly the same as image 2"]


def test_of_classes_no_model_knows_the_writers_own_images_tell():
    digits = writer_digits(0)
    letters = LabelledImages(digits.images, digits.labels, tuple("ABCDEFGHIJ"))
    labels = letters.labels.copy()
    number = int(np.flatnonzero(labels == 0)[5])
    labels[number] = 1
    mixed_up = LabelledImages(digits.images, labels, letters.classes)
    sure_of_sevens = np.eye(10)[np.full(len(digits), 7)]
    assert find_doubts(mixed_up, sure_of_sevens, DIGITS)[number] == ["liker to the others of A"]
    doubts = find_doubts(letters, sure_of_sevens, DIGITS)
    assert not any("read as" in reason for reasons in doubts for reason in reasons)
    assert sum("liker" in reason for reasons in doubts for reason in reasons) <= 2


def test_a_model_that_knows_other_classes_too_has_no_say_where_it_reads_those(digits):
    some = digits.take(np.flatnonzero(digits.labels < 3))
    three = LabelledImages(some.images, some.labels, tuple("012"))
    assert find_doubts(three, np.eye(10)[np.full(len(three), 7)], DIGITS) == [[]] * len(three)
