import numpy as np
import pytest

from toolkit.data.splits import hold_out
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
