from difflib import SequenceMatcher
from itertools import pairwise

import numpy as np
import pytest
from sklearn.datasets import load_digits

from benchmarks.example_digits import FORMS, WRITERS, enlarge, writer_digits, writer_ink
from toolkit.errors import ToolkitError
from toolkit.models.pixels import MNIST_STD


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


def test_every_image_belongs_to_one_writer_who_copied_the_same_form():
    labels = load_digits().target
    assert (FORMS[0], FORMS[-1]) == (0, len(labels))
    form = labels[: FORMS[1]].tolist()
    for begin, end in pairwise(FORMS):
        matcher = SequenceMatcher(None, labels[begin:end].tolist(), form, autojunk=False)
        in_order = sum(block.size for block in matcher.get_matching_blocks())
        assert in_order >= end - begin - 2  # one label differs: an eight that came out as a three


def test_a_writers_ink_is_in_file_order():
    source = load_digits()
    ink = writer_ink(7)
    begin, end = FORMS[7], FORMS[8]
    assert end - begin == 123
    assert [len(glyphs) for glyphs in ink.values()] == [10, 13, 12, 13, 13, 13, 13, 12, 11, 13]
    fives = source.images[begin:end][source.target[begin:end] == 5]
    for image, counts in zip(ink["5"], fives, strict=True):
        np.testing.assert_array_equal(image, enlarge(counts))


def test_fourteen_writers_have_nine_or_more_of_each_digit():
    assert WRITERS == 14
    counts = [[len(images) for images in writer_ink(writer).values()] for writer in range(WRITERS)]
    assert np.min(counts) == 9
    assert np.sum(counts) == 1797
    assert (np.array(counts) < 12).sum() == 5


@pytest.mark.parametrize("writer", [-1, 14])
def test_an_unknown_writer_is_refused(writer):
    with pytest.raises(ToolkitError, match="Choose 0 to 13"):
        writer_ink(writer)
    with pytest.raises(ToolkitError, match="Choose 0 to 13"):
        writer_digits(writer)


def test_a_writers_digits_come_in_normal_form_and_as_soft_as_mnists():
    digits = [writer_digits(writer) for writer in (0, 7)]
    source = load_digits().target
    for writer, own in zip((0, 7), digits, strict=True):
        assert own.labels.tolist() == source[FORMS[writer] : FORMS[writer + 1]].tolist()
    pixels = np.concatenate([own.images for own in digits])
    assert pixels.std() == pytest.approx(MNIST_STD, abs=3)
