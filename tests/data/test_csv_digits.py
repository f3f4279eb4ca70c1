import gzip
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.damage import at_most_one_line, damaged
from toolkit.data.csv_digits import read_csv_images, read_labelled_csv
from toolkit.errors import ToolkitError


def csv_text(digits, labels=True, header=True) -> str:
    columns = [*(["label"] if labels else []), *(f"pixel{number}" for number in range(784))]
    rows = digits.images.reshape(len(digits), -1)
    lines = [[*([label] if labels else []), *row] for label, row in zip(digits.labels, rows, strict=True)]
    return "".join(",".join(map(str, line)) + "\n" for line in [*([columns] if header else []), *lines])


@pytest.fixture
def digits(examples):
    return examples["Validation Set"]


@pytest.fixture
def path(tmp_path, digits):
    """A labelled CSV with a header, as Kaggle's train.csv."""
    path = tmp_path / "train.csv"
    path.write_text(csv_text(digits))
    return path


def change(path, line, column, value):
    lines = [text.split(",") for text in path.read_text().splitlines()]
    lines[line - 1][column - 1] = value
    path.write_text("".join(",".join(cells) + "\n" for cells in lines))


def same(read, digits):
    images, labels = read
    return np.array_equal(images, digits.images) and np.array_equal(labels, digits.labels)


def test_a_csv_with_column_names_is_read(path, digits):
    assert same(read_labelled_csv(path), digits)


def test_a_csv_without_column_names_or_with_windows_line_ends_is_read(path, digits):
    path.write_bytes(csv_text(digits, header=False).replace("\n", "\r\n").encode())
    assert same(read_labelled_csv(path), digits)


def test_gz_is_read(path, digits):
    packed = path.with_suffix(".csv.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert same(read_labelled_csv(packed), digits)


def test_an_archive_with_unlabelled_images_and_other_tables_gives_what_is_labelled(tmp_path, digits):
    with zipfile.ZipFile(tmp_path / "digits.zip", "w") as archive:
        archive.writestr("train.csv", csv_text(digits))
        archive.writestr("test.csv", csv_text(digits, labels=False))
        archive.writestr("sample_submission.csv", "ImageId,Label\n1,0\n")
    assert same(read_labelled_csv(tmp_path / "digits.zip"), digits)


def test_the_labelled_files_of_a_folder_are_put_together(tmp_path, digits):
    for name, members in (("mnist_test.csv", slice(0, 6)), ("mnist_train.csv", slice(6, 20))):
        (tmp_path / name).write_text(csv_text(digits.take(np.arange(20)[members]), header=False))
    assert same(read_labelled_csv(tmp_path), digits)


def test_unlabelled_images_can_be_read_but_not_trained_on(path, digits):
    path.write_text(csv_text(digits, labels=False))
    assert np.array_equal(read_csv_images(path), digits.images)
    with pytest.raises(ToolkitError, match="has no labels"):
        read_labelled_csv(path)


@pytest.mark.parametrize(
    ("line", "column", "value", "complaint"),
    [
        (3, 5, "256", "line 3, column 5: '256' is no pixel"),
        (4, 1, "10", "line 4, column 1: '10' is no label"),
        (21, 785, "", "line 21, column 785: '' is no pixel"),
        (2, 2, "0.5", "line 2, column 2: '0.5' is no pixel"),
        (2, 7, "-1", "line 2, column 7: '-1' is no pixel"),
        (9, 3, "ink", "line 9, column 3: 'ink' is no pixel"),
        (9, 3, "0,0", "line 9: 786 columns, line 1 has 785"),
        (9, 3, "1" * 5000, "line 9, column 3: '11111"),
        (9, 3, "0\r0", "line 9"),
        (9, 3, '"' + "0" * 200_000, "line 9: field larger than"),
    ],
)
def test_the_first_wrong_value_is_named(path, line, column, value, complaint):
    change(path, line, column, value)
    with pytest.raises(ToolkitError, match=complaint):
        read_labelled_csv(path)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "1 columns, expected 784"),
        (b"a,b,c\n1,2,3\n", "3 columns, expected 784"),
        (b"label," + b",".join([b"p"] * 784) + b"\n", "holds no images"),
        (b"PK\x03\x04 no archive", "expected 784"),
        (bytes(range(256)), "expected 784"),
    ],
)
def test_what_is_no_csv_of_digits_is_refused(path, content, complaint):
    path.write_bytes(content)
    with pytest.raises(ToolkitError, match=complaint):
        read_labelled_csv(path)


def test_what_is_not_there_or_damaged_is_refused(path, tmp_path):
    packed = tmp_path / "train.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes())[:-9])
    for name in (packed, tmp_path / "nothing.csv"):
        with pytest.raises(ToolkitError, match="cannot be read"):
            read_labelled_csv(name)


LINE = ",".join(["7", *(str(number % 256) for number in range(784))])


@given(content=damaged(f"{LINE}\n{LINE}\n".encode()), packed=st.sampled_from(["", ".gz", ".zip"]))
def test_any_file_is_taken_or_refused(content, packed, tmp_path):
    path = tmp_path / f"a.csv{packed}"
    if packed == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.csv", content)
    else:
        path.write_bytes(gzip.compress(content) if packed else content)
    with at_most_one_line():
        images, labels = read_labelled_csv(path)
        assert images.shape == (len(labels), 1, 28, 28)
