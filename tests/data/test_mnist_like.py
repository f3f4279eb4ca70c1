import gzip

import numpy as np
import pytest

from tests.conftest import idx_bytes
from tests.data.test_csv_digits import csv_text
from toolkit.data.mnist_like import load_mnist_like
from toolkit.errors import ToolkitError

NAMES = "zero,one,two,three,four,five,six,seven,eight,nine"


def write(folder, examples, train="train", test="t10k", first=0, transposed=False):
    folder.mkdir(exist_ok=True)
    for part, images in ((train, examples["Training Set"]), (test, examples["Validation Set"])):
        pixels = images.images[:, 0].swapaxes(1, 2) if transposed else images.images[:, 0]
        labels = (images.labels + first).astype(np.uint8)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx_bytes(np.ascontiguousarray(pixels)))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(labels)))
    return folder


def test_idx_files_are_read_with_their_labels_names_in_order(tmp_path, examples):
    data = load_mnist_like(write(tmp_path, examples), NAMES)
    assert data.training.classes == tuple(sorted(NAMES.split(",")))
    training = examples["Training Set"]
    assert np.array_equal(data.training.images, training.images)
    assert [data.training.name(i) for i in range(80)] == [NAMES.split(",")[label] for label in training.labels]
    assert len(data.test) == 20


def test_without_names_numbers_are_the_names(tmp_path, examples):
    assert load_mnist_like(write(tmp_path, examples, first=5)).training.classes == tuple(map(str, range(5, 15)))


def test_known_sets_have_their_names(tmp_path, examples):
    folder = write(tmp_path, examples)
    assert load_mnist_like(folder, "fashion").test.classes[:3] == ("Ankle boot", "Bag", "Coat")
    assert set(load_mnist_like(folder, "kuzushiji").test.classes) == set("おきすつなはまやれを")


def test_emnist_has_a_mapping_and_lies_by_columns(tmp_path, examples):
    folder = write(tmp_path, examples, "emnist-letters-train", "emnist-letters-test", first=1, transposed=True)
    (folder / "emnist-letters-mapping.txt").write_text("".join(f"{n} {64 + n} {96 + n}\n" for n in range(1, 27)))
    data = load_mnist_like(folder)
    assert data.training.classes == tuple("ABCDEFGHIJ")
    assert np.array_equal(data.test.images, examples["Validation Set"].images)


def test_csv_files_are_read_as_well(tmp_path, examples):
    (tmp_path / "sign_train.csv").write_text(csv_text(examples["Training Set"]))
    (tmp_path / "sign_test.csv").write_text(csv_text(examples["Validation Set"]))
    data = load_mnist_like(tmp_path, NAMES)
    assert (len(data.training), len(data.test)) == (80, 20)
    assert data.training.classes[0] == "eight"


@pytest.mark.parametrize(
    ("damage", "names", "complaint"),
    [
        (lambda folder: (folder / "t10k-images-idx3-ubyte").unlink(), None, "one file of test images was expected"),
        (lambda folder: (folder / "a-train-images-idx3-ubyte").write_bytes(b""), None, "found: a-train.*, train-"),
        (lambda folder: (folder / "train-images-idx3-ubyte").write_bytes(b"nothing"), None, "is no IDX file"),
        (lambda folder: (folder / "train-images-idx3-ubyte").write_bytes(b"\0\0\x08\xff"), None, "is no IDX file"),
        (
            lambda folder: (folder / "train-images-idx3-ubyte").write_bytes(idx_bytes(np.zeros((80, 8, 8), np.uint8))),
            None,
            "expected N images of 28x28",
        ),
        (lambda folder: (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(b"\x1f\x8b"), None, "cannot be read"),
        (lambda folder: None, "a,b,c", "the label 3, which has no name"),
        (lambda folder: None, NAMES.replace("nine", "one"), "10 labels have 9 names"),
        (lambda folder: None, NAMES.replace("nine", "a/b"), "cannot name a class"),
    ],
)
def test_what_is_missing_damaged_or_ambiguous_is_told(tmp_path, examples, damage, names, complaint):
    folder = write(tmp_path / "set", examples)
    damage(folder)
    with pytest.raises(ToolkitError, match=complaint):
        load_mnist_like(folder, names)


def test_a_label_that_is_only_tested_is_refused(tmp_path, examples):
    folder = write(tmp_path, examples)
    some = examples["Training Set"].take(np.arange(72))
    (folder / "train-images-idx3-ubyte").write_bytes(idx_bytes(some.images[:, 0]))
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(some.labels.astype(np.uint8))))
    with pytest.raises(ToolkitError, match="tests the label 9"):
        load_mnist_like(folder)
