from difflib import SequenceMatcher
from itertools import pairwise

import numpy as np
import pytest
from sklearn.datasets import load_digits

from benchmarks.example_digits import FORMS, PATHS, WRITERS, bitmaps, counted, writer_digits, writer_ink
from benchmarks.pen_paths import BORDER, ENLARGEMENT, load_paths
from toolkit.errors import ToolkitError
from toolkit.images.normal_form import normal_form


def test_no_image_is_in_two_sets(examples):
    images = [image.tobytes() for part in examples.values() for image in part.images]
    assert len(set(images)) == 120


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
    edge = BORDER * ENLARGEMENT
    for fine, thick in zip(ink["5"], bitmaps(fives), strict=True):
        assert (fine.shape, fine.dtype) == ((160, 160), np.uint8)
        inside = np.kron(thick, np.ones((ENLARGEMENT, ENLARGEMENT)))
        assert (fine[edge:-edge, edge:-edge] * inside).sum() > 0.95 * fine.sum()


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


def test_bitmaps_counted_again_give_the_counts():
    counts = load_digits().images[::9]
    drawn = bitmaps(counts)
    assert (drawn.shape, drawn.dtype) == ((200, 32, 32), bool)
    np.testing.assert_array_equal(counted(drawn), counts)


def test_paths_with_a_pen_as_thick_as_then_nearly_give_back_the_counts():
    """As nearly as enlarging the counts smoothly, which gives them back to 0.5 of 16."""
    source = load_digits()
    paths = load_paths(PATHS)
    assert [path.digit for path in paths] == source.target.astype(str).tolist()
    edge = BORDER * ENLARGEMENT
    drawn = np.stack([path.draw(path.width)[edge:-edge, edge:-edge] for path in paths[::9]]) > 127
    assert np.abs(counted(drawn) / ENLARGEMENT**2 - source.images[::9]).mean() < 1


def test_a_bitmap_is_smooth_and_no_other_image_matters():
    """As ragged as UCI's own bitmaps: the first ten have 157 edges between ink and paper on average."""
    counts = load_digits().images[:10]
    drawn = bitmaps(counts)
    framed = np.pad(drawn, ((0, 0), (1, 1), (1, 1)))
    edges = sum(np.count_nonzero(np.diff(framed, axis=axis)) for axis in (1, 2))
    assert edges / 10 < 160
    np.testing.assert_array_equal(bitmaps(counts[3:4])[0], drawn[3])


def test_a_writers_digits_are_his_bitmaps_in_normal_form():
    source = load_digits()
    form = slice(FORMS[7], FORMS[8])
    digits = writer_digits(7)
    assert digits.labels.tolist() == source.target[form].tolist()
    expected = [normal_form(bitmap * np.uint8(255)) for bitmap in bitmaps(source.images[form])]
    np.testing.assert_array_equal(digits.images[:, 0], expected)
