import numpy as np

from benchmarks.example_digits import writer_digits
from toolkit.images import likeness
from toolkit.images.likeness import likeness_to_classes, similarities


def test_an_image_is_likest_to_others_of_its_class_mostly():
    digits = writer_digits(0)
    found = likeness_to_classes(digits.images, digits.labels, 10)
    assert found.shape == (len(digits), 10)
    assert (found.argmax(axis=1) == digits.labels).mean() > 0.95


def test_a_class_with_one_image_has_no_likeness_to_itself():
    digits = writer_digits(0).take(np.arange(3))
    found = likeness_to_classes(digits.images, np.array([0, 1, 1]), 3)
    assert found[0, 0] == -1
    assert found[0, 1] > -1
    assert (found[:, 2] == -1).all()


def test_blocks_make_no_difference(monkeypatch):
    digits = writer_digits(0)
    whole = likeness_to_classes(digits.images, digits.labels, 10)
    monkeypatch.setattr(likeness, "BLOCK", 7)
    assert np.allclose(likeness_to_classes(digits.images, digits.labels, 10), whole, atol=1e-6)


def test_cosines_lie_between_minus_one_and_one():
    digits = writer_digits(0).take(np.arange(20))
    ((begin, block),) = similarities(digits.images)
    assert begin == 0
    assert (np.diag(block) == -1).all()
    assert block.max() <= 1 + 1e-6
