import pytest

from toolkit.errors import ToolkitError
from toolkit.options import numbers


def test_numbers_are_read_in_their_order():
    assert numbers("learning_rates", "0.1, 1e-3", float) == [0.1, 1e-3]
    assert numbers("batch_sizes", "64,16", int) == [64, 16]


@pytest.mark.parametrize(("text", "kind"), [("", int), ("1,x", int), ("1.5", int), ("0", float), ("nan", float)])
def test_what_is_no_positive_number_is_refused(text, kind):
    with pytest.raises(ToolkitError, match=r"--batch-sizes .* is no .*number above 0"):
        numbers("batch_sizes", text, kind)
