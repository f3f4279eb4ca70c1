import numpy as np
import pytest

from toolkit.data.labelled_images import LabelledImages


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
        LabelledImages(images, labels)


def test_take_keeps_images_and_labels_together(examples):
    taken = examples["Training Set"].take(np.array([79, 0]))
    assert taken.labels.tolist() == [9, 0]
    assert np.array_equal(taken.images[1], examples["Training Set"].images[0])
