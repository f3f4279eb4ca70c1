import numpy as np
import pytest

from toolkit.classes import DIGITS
from toolkit.data.labelled_images import LabelledImages, together
from toolkit.errors import ToolkitError


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (np.zeros((2, 28, 28), np.uint8), np.zeros(2, np.int64)),
        (np.zeros((2, 1, 28, 28), np.float32), np.zeros(2, np.int64)),
        (np.zeros((2, 1, 28, 28), np.uint8), np.zeros(3, np.int64)),
        (np.zeros((2, 1, 28, 28), np.uint8), np.zeros(2, np.int32)),
    ],
)
def test_other_shapes_and_types_are_refused(images, labels):
    with pytest.raises(ValueError, match="must be"):
        LabelledImages(images, labels, DIGITS)


def test_labels_without_a_class_are_refused(examples):
    digits = examples["Test Set"]
    with pytest.raises(ValueError, match="labels from 0 to 9 of 9 classes"):
        LabelledImages(digits.images, digits.labels, DIGITS[:9])


def test_only_images_of_the_same_classes_go_together(examples):
    digits = examples["Test Set"]
    both = together([digits, digits])
    assert both.class_counts().tolist() == [4] * 10
    letters = LabelledImages(digits.images, digits.labels, tuple("ABCDEFGHIJ"))
    assert letters.name(2) == "B"
    assert letters.sha256() != digits.sha256()
    with pytest.raises(ToolkitError, match="Classes differ"):
        together([digits, letters])


def test_take_keeps_images_and_labels_together(examples):
    taken = examples["Training Set"].take(np.array([79, 0]))
    assert taken.labels.tolist() == [9, 0]
    assert np.array_equal(taken.images[1], examples["Training Set"].images[0])
