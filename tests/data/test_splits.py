import numpy as np
import pytest

from toolkit.classes import DIGITS
from toolkit.data.splits import Division, assign_sets, hold_out, parse_division
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
    sets = assign_sets(labels, DIGITS, seed=0)
    assert [np.bincount(labels[members]).tolist() for members in sets] == [[8] * 10, [2] * 10, [2] * 10]
    together = np.concatenate(sets)
    assert len(set(together.tolist())) == 120  # none twice, one of each digit left over
    assert all((np.diff(labels[members]) >= 0).all() for members in sets)
    again, other = assign_sets(labels, DIGITS, seed=0), assign_sets(labels, DIGITS, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(sets, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(sets, other, strict=True))


def test_too_few_of_a_digit_are_named():
    labels = np.delete(np.repeat(np.arange(10), 12), [0, 37, 38])
    with pytest.raises(ToolkitError, match="0: 11, 3: 10"):
        assign_sets(labels, DIGITS, seed=0)


@pytest.mark.parametrize(
    ("text", "available", "sizes"),
    [
        ("8,2,2", 13, [8, 2, 2]),
        ("16, 4, 4", 24, [16, 4, 4]),
        ("70%,15%,15%", 20, [14, 3, 3]),
        ("70%,15%,15%", 13, [9, 2, 2]),
        ("70%,15%,15%", 3, [1, 1, 1]),
        ("98%,1%,1%", 10, [8, 1, 1]),
        ("50%,10%,10%", 10, [5, 1, 1]),
    ],
)
def test_a_class_is_divided_by_counts_or_by_shares(text, available, sizes):
    assert parse_division(text).sizes(available) == sizes


@pytest.mark.parametrize(
    "text", ["8,2", "8,2,2,2", "8,2,0", "70%,15,15", "70%,20%,20%", "a,b,c", "", "-8,2,2", "1e9,1,1"]
)
def test_what_divides_nothing_is_refused(text):
    with pytest.raises(ToolkitError, match="divides no class"):
        parse_division(text)


def test_a_division_says_itself():
    assert str(parse_division("8,2,2")) == "8,2,2"
    assert parse_division(str(parse_division("70%,15%,15%"))) == parse_division("70%,15%,15%")


def test_too_few_images_are_told_with_what_would_fit():
    labels = np.repeat(np.arange(3), [20, 24, 24])
    with pytest.raises(ToolkitError, match=r"need 24 images of every class.*\(A: 20\).*--per-class 14,3,3 would fit"):
        assign_sets(labels, ("A", "B", "C"), 0, Division((16, 4, 4)))
    with pytest.raises(ToolkitError, match=r"\(A: 2\)\. Write more of them and name all photos together\."):
        assign_sets(labels[18:], ("A", "B", "C"), 0, parse_division("70%,15%,15%"))


def test_shares_of_unequal_classes():
    labels = np.repeat(np.arange(2), [20, 5])
    sets = assign_sets(labels, ("A", "B"), 0, parse_division("60%,20%,20%"))
    assert [np.bincount(labels[members]).tolist() for members in sets] == [[12, 3], [4, 1], [4, 1]]


def test_the_rest_is_not_copied_and_nevertheless_the_same(examples):
    digits = examples["Training Set"]
    rest, _ = hold_out(digits, 20, seed=3)
    assert rest.stored is digits.stored
    copy = digits.take(rest.places)
    assert np.array_equal(rest.images, copy.images)
    assert rest.sha256() == copy.sha256()
    again, held_out = (part.images for part in hold_out(rest, 10, seed=0))
    assert np.array_equal(np.concatenate([again, held_out]), np.concatenate([p.images for p in hold_out(copy, 10, 0)]))
