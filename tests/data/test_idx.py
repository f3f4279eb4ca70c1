import numpy as np
import pytest

from tests.conftest import idx_bytes
from toolkit.data.idx import parse_idx
from toolkit.errors import ToolkitError


@pytest.mark.parametrize("shape", [(5,), (2, 3), (4, 3, 2)])
def test_an_array_comes_back(shape):
    array = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    assert np.array_equal(parse_idx(idx_bytes(array), "here"), array)


@pytest.mark.parametrize(
    "content",
    [b"", b"\0\0\x08", b"\0\0\x08\x03", b"\0\0\x0d\x01\0\0\0\x01a", idx_bytes(np.zeros(5, np.uint8))[:-1]],
)
def test_other_files_are_refused(content):
    with pytest.raises(ToolkitError, match="here is no IDX file"):
        parse_idx(content, "here")
