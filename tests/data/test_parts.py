import hashlib

import numpy as np
import pytest

from tests.data.test_csv_digits import csv_text
from toolkit.classes import DIGITS
from toolkit.data.labelled_images import LabelledImages
from toolkit.data.parts import load_parts, split_in_three
from toolkit.errors import ToolkitError


def numbered(count: int) -> LabelledImages:
    """Images that hold their own number, so that one sees where each went."""
    images = np.zeros((count, 1, 28, 28), np.uint8)
    images[:, 0, 0, :2] = np.arange(count)[:, None] // [256, 1] % 256
    return LabelledImages(images, np.arange(count) * 7 % 10, DIGITS)


def numbers(digits) -> list[int]:
    return (digits.images[:, 0, 0, :2] @ np.array([256, 1])).tolist()


def test_every_image_is_in_exactly_one_part_and_every_digit_in_the_same_share():
    parts = split_in_three(numbered(2000), seed=0)
    members = [numbers(part) for part in (parts.training, parts.validation, parts.test)]
    assert [len(part) for part in members] == [1200, 400, 400]
    assert sorted(number for part in members for number in part) == list(range(2000))
    assert parts.training.class_counts().tolist() == [120] * 10
    assert parts.test.class_counts().tolist() == [40] * 10


def test_the_same_images_are_in_the_same_part_on_every_machine():
    parts = split_in_three(numbered(2000), seed=0)
    said = ",".join(map(str, numbers(parts.test))).encode()
    assert hashlib.sha256(said).hexdigest()[:16] == "633619787e5c67e2"
    assert parts.digest == split_in_three(numbered(2000), seed=0).digest
    assert parts.digest != split_in_three(numbered(2000), seed=1).digest


def test_all_seventy_thousand_are_divided_and_counted(idx_files):
    parts = load_parts(idx_files)
    assert [len(parts.training), len(parts.validation), len(parts.test)] == [60, 20, 20]
    assert str(parts).splitlines()[1].split() == ["training", "60", *["6"] * 10]


def test_a_csv_does_as_well(tmp_path, examples):
    (tmp_path / "train.csv").write_text(csv_text(examples["Training Set"]))
    assert len(load_parts(csv=tmp_path / "train.csv").test) == 16


def test_an_image_that_occurs_twice_is_refused():
    digits = numbered(100)
    with pytest.raises(ToolkitError, match="Images 4 and 101 are the same"):
        split_in_three(digits.take(np.array([*range(100), 3])), seed=0)


def test_too_few_images_are_refused():
    with pytest.raises(ToolkitError, match="5 images of every digit"):
        split_in_three(numbered(49), seed=0)


def test_two_sources_are_refused(tmp_path):
    with pytest.raises(ToolkitError, match="Leave --mnist or --csv out"):
        load_parts(tmp_path, tmp_path)
