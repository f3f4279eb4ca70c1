import shutil

import numpy as np
import pytest
from PIL import Image

from toolkit.data.image_sets import find_problems, load_sets, replace_sets
from toolkit.data.labelled_images import LabelledImages
from toolkit.errors import ToolkitError

DIGIT = "Training Set/3/3_05.jpg"


def test_complete_sets_load_in_a_fixed_order(digits, examples):
    sets = load_sets(digits)
    assert sets.training.images.shape == (80, 1, 28, 28)
    assert sets.training.class_counts().tolist() == [8] * 10
    assert sets.validation.class_counts().tolist() == [2] * 10
    assert np.array_equal(sets.training.labels, examples["Training Set"].labels)
    # JPEG loses a little, no more
    assert np.abs(sets.training.images.astype(int) - examples["Training Set"].images).mean() < 2


def test_the_shipped_sets_are_complete():
    assert find_problems() == []


def resave(path, change, **options):
    change(Image.open(path)).save(path, **options)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda path: path.unlink(), "holds 7 images, expected 8"),
        (lambda path: shutil.copy(path, path.with_name("3_99.jpg")), "holds 9 images, expected 8"),
        (lambda path: path.write_bytes(path.read_bytes()[:300]), "damaged"),
        (lambda path: path.write_bytes(b""), "not an image"),
        (lambda path: path.write_text("not pixels"), "not an image"),
        (lambda path: resave(path, lambda image: image.resize((32, 32))), "32x32, expected 28x28"),
        (lambda path: resave(path, lambda image: image.convert("RGB")), "mode RGB, expected grayscale"),
        (lambda path: resave(path, lambda image: image, format="PNG"), "PNG image, expected .jpg"),
        (lambda path: path.rename(path.with_suffix(".jpx")), "expected .jpg"),
        (lambda path: resave(path, lambda image: image.point(lambda _: 0)), "blank"),
        (lambda path: resave(path, lambda image: image.point(lambda grey: 255 - grey)), "inverted"),
    ],
)
def test_a_wrong_image_is_named(digits, damage, complaint):
    damage(digits / DIGIT)
    with pytest.raises(ToolkitError, match=complaint) as error:
        load_sets(digits)
    assert str(digits / "Training Set" / "3") in str(error.value)


def test_the_same_pixels_in_two_sets_are_found(digits):
    shutil.copy(digits / DIGIT, digits / "Test Set/3/3_01.jpg")
    with pytest.raises(ToolkitError, match="same pixels"):
        load_sets(digits)


@pytest.mark.parametrize("name", ["Training Set/notes.txt", "Training Set/10/a.jpg", "Test Set/a.jpg"])
def test_misplaced_files_are_named(digits, name):
    path = digits / name
    path.parent.mkdir(exist_ok=True)
    shutil.copy(digits / DIGIT, path)
    with pytest.raises(ToolkitError, match="does not belong there"):
        load_sets(digits)


def test_what_file_managers_leave_behind_is_ignored(digits):
    (digits / "Training Set" / ".DS_Store").write_bytes(b"")
    (digits / "Training Set" / "3" / "Thumbs.db").write_bytes(b"")
    assert find_problems(digits) == []


def test_a_missing_set_is_named(tmp_path, digits):
    shutil.rmtree(digits / "Validation Set")
    with pytest.raises(ToolkitError, match=r"Validation Set is missing"):
        load_sets(digits)
    with pytest.raises(ToolkitError, match=r"Training Set is missing.*2 more"):
        load_sets(tmp_path / "nowhere")


def test_all_problems_are_listed(digits):
    (digits / DIGIT).unlink()
    (digits / "Test Set/0/0_01.jpg").write_bytes(b"")
    assert len(find_problems(digits)) == 2


def test_replaced_sets_are_kept_aside(digits, examples, tmp_path):
    other = {name: LabelledImages(images.images[:, :, ::-1].copy(), images.labels) for name, images in examples.items()}
    before = {path.relative_to(digits): path.read_bytes() for path in digits.rglob("*.jpg")}
    files = replace_sets(digits, other, tmp_path / "aside")
    assert len(files) == 120
    assert all(path.exists() for path in files)
    kept = tmp_path / "aside"
    assert {path.relative_to(kept): path.read_bytes() for path in kept.rglob("*.jpg")} == before
    assert {path.relative_to(digits): path.read_bytes() for path in files} != before
    assert sorted(path.name for path in digits.iterdir()) == sorted(examples)


def test_sets_with_a_fault_replace_nothing(digits, examples, tmp_path):
    before = {path.relative_to(digits): path.read_bytes() for path in digits.rglob("*.jpg")}
    blank = {name: LabelledImages(np.zeros_like(images.images), images.labels) for name, images in examples.items()}
    with pytest.raises(ToolkitError, match="blank"):
        replace_sets(digits, blank, tmp_path / "aside")
    assert {path.relative_to(digits): path.read_bytes() for path in digits.rglob("*.jpg")} == before
    assert sorted(path.name for path in digits.iterdir()) == sorted(examples)
    assert not (tmp_path / "aside").exists()
