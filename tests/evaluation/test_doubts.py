import numpy as np
import pytest

from benchmarks.example_digits import writer_digits
from benchmarks.label_errors import switch_labels
from benchmarks.writers import draw_per_class
from toolkit.classes import DIGITS
from toolkit.data.labelled_images import LabelledImages
from toolkit.evaluation.doubts import find_doubts
from toolkit.models.bundle import load_model
from toolkit.models.last_layer import see_features


@pytest.fixture
def digits(examples):
    return examples["Validation Set"]


def doubts_of(digits: LabelledImages, read: np.ndarray, names: list[str] | None = None) -> list[list[str]]:
    """With a model that reads ``read``, and features by which every image is of the class it is labelled as."""
    return find_doubts(digits, np.eye(10)[read], DIGITS, np.eye(10)[digits.labels], names)


def changed(digits: LabelledImages, number: int, image: np.ndarray) -> LabelledImages:
    images = digits.images.copy()
    images[number, 0] = image
    return LabelledImages(images, digits.labels, digits.classes)


def test_good_digits_raise_no_doubt(digits):
    assert doubts_of(digits, digits.labels) == [[]] * 20


def count_found(images: LabelledImages, seed: int) -> tuple[int, int]:
    """Of five labels that are switched those that are doubted, and of the others those that are."""
    drawn, _ = draw_per_class(images, 8, seed)
    wrong, switched = switch_labels(drawn, 5, seed)
    logits, features = see_features(load_model("mnist_mlp")[0], wrong.images)
    told = find_doubts(wrong, logits.softmax(1).numpy(), DIGITS, features)
    doubted = {number for number, reasons in enumerate(told) if any("label" in reason for reason in reasons)}
    return len(doubted & switched), len(doubted - switched)


def test_a_doubted_label_is_shown_with_the_class_it_is_more_like(digits):
    labels = digits.labels.copy()
    labels[3] = 7
    wrong = LabelledImages(digits.images, labels, digits.classes)
    told = find_doubts(wrong, np.eye(10)[digits.labels], DIGITS, np.eye(10)[digits.labels])
    assert told[3] == [f"label probably wrong, more like {digits.name(3)}"]
    assert not any(told[:3] + told[4:])


@pytest.mark.parametrize("classes", [DIGITS, tuple("ABCDEFGHIJ")], ids=["known", "unknown"])
def test_of_eighty_labels_the_five_that_were_switched_are_found(classes):
    for writer in (4, 11):
        digits = writer_digits(writer)
        found, false = count_found(LabelledImages(digits.images, digits.labels, classes), writer)
        assert found >= 4
        assert false <= 2


def test_switched_labels_of_the_shipped_training_set_are_found(examples):
    found, false = np.mean([count_found(examples["Training Set"], seed) for seed in range(3)], axis=0)
    assert found >= 4
    assert false <= 2


def test_rows_that_changed_places_are_told_though_they_agree_with_themselves(digits):
    exchanged = np.arange(10)
    exchanged[[3, 4]] = 4, 3
    told = doubts_of(digits, exchanged[digits.labels])
    assert told[int(np.flatnonzero(digits.labels == 3)[0])] == ["read as 4, as most of 3 are"]
    assert [bool(reasons) for reasons in told] == [label in (3, 4) for label in digits.labels]


def test_a_hand_whose_fours_are_all_read_as_sixes_raises_no_doubt(digits):
    misread = np.where(digits.labels == 4, 6, digits.labels)
    assert doubts_of(digits, misread) == [[]] * 20


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
        found = doubts_of(changed(digits, 0, image), digits.labels)
        assert any(reason in told for told in found[0]), reason
        assert found[1:] == [[]] * 19


def test_near_duplicates_name_each_other(digits):
    twin = np.clip(digits.images[2, 0].astype(int) + 3, 0, 255).astype(np.uint8)
    found = doubts_of(changed(digits, 5, twin), digits.labels, [f"image {n}" for n in range(20)])
    assert found[2] == ["nearly the same as image 5"]
    assert found[5] == ["nearly the same as image 2"]


def test_a_model_that_knows_other_classes_too_has_no_say_where_it_reads_those(digits):
    some = digits.take(np.flatnonzero(digits.labels < 3))
    three = LabelledImages(some.images, some.labels, tuple("012"))
    assert doubts_of(three, np.full(len(three), 7)) == [[]] * len(three)


def test_images_that_are_alike_are_told_by_their_places(digits):
    images = np.repeat(digits.images[:1], 3, axis=0)
    same = LabelledImages(images, digits.labels[[0, 0, 0]], digits.classes)
    assert doubts_of(same, same.labels)[1] == ["nearly the same as 1", "nearly the same as 3"]
