import numpy as np
import pytest

from toolkit.data.splits import assign_sets, draw_per_digit, hold_out
from toolkit.errors import ToolkitError


def test_parts_are_stratified_disjoint_and_repeatable(examples):
    digits = examples["Training Set"]
    rest, held_out = hold_out(digits, 20, seed=3)
    assert held_out.class_counts().tolist() == [2] * 10
    assert rest.class_counts().tolist() == [6] * 10
    images = [image.tobytes() for part in (rest, held_out) for image in part.images]
    assert len(set(images)) == 80
    assert np.array_equal(hold_out(digits, 20, seed=3)[1].images, held_out.images)
    assert not np.array_equal(hold_out(digits, 20, seed=4)[1].images, held_out.images)


@pytest.mark.parametrize("size", [0, 9, 71, 80])
def test_a_size_that_leaves_too_little_is_refused(examples, size):
    with pytest.raises(ToolkitError, match="expected 10 to 70"):
        hold_out(examples["Training Set"], size, seed=0)


def test_sets_are_drawn_by_digit_and_seed():
    labels = np.repeat(np.arange(10), 13)
    sets = assign_sets(labels, seed=0)
    assert [np.bincount(labels[members]).tolist() for members in sets] == [[8] * 10, [2] * 10, [2] * 10]
    together = np.concatenate(sets)
    assert len(set(together.tolist())) == 120  # none twice, one of each digit left over
    assert all((np.diff(labels[members]) >= 0).all() for members in sets)
    again, other = assign_sets(labels, seed=0), assign_sets(labels, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(sets, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(sets, other, strict=True))


def test_too_few_of_a_digit_are_named():
    labels = np.delete(np.repeat(np.arange(10), 12), [0, 37, 38])
    with pytest.raises(ToolkitError, match="0: 11, 3: 10"):
        assign_sets(labels, seed=0)


def test_so_many_of_each_digit_are_drawn_and_the_rest_is_left(examples):
    digits = examples["Training Set"]
    drawn, rest = draw_per_digit(digits, 3, seed=1)
    assert drawn.class_counts().tolist() == [3] * 10
    assert rest.class_counts().tolist() == [5] * 10
    images = {image.tobytes() for part in (drawn, rest) for image in part.images}
    assert len(images) == 80
    assert (
        draw_per_digit(digits, 3, seed=1)[0].sha256() == drawn.sha256() != draw_per_digit(digits, 3, seed=2)[0].sha256()
    )


@pytest.mark.parametrize("count", [0, 8])
def test_a_draw_that_leaves_nothing_is_refused(examples, count):
    with pytest.raises(ToolkitError, match="the rarest has 8"):
        draw_per_digit(examples["Training Set"], count, seed=0)
