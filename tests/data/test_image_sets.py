import shutil

import numpy as np
import pytest
from PIL import Image

from toolkit.classes import DIGITS
from toolkit.data.image_sets import (
    ASSIGNMENT_4,
    find_form,
    find_problems,
    load_sets,
    replace_sets,
    require_form,
    save_sets,
)
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


def resave(path, change, fp=None, **options):
    change(Image.open(path)).save(fp or path, **options)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda path: shutil.copy(path, path.with_name("3_99.jpg")), "same pixels"),
        (lambda path: path.write_bytes(path.read_bytes()[:300]), "damaged"),
        (lambda path: path.write_bytes(b""), "not an image"),
        (lambda path: path.write_text("not pixels"), "not an image"),
        (lambda path: resave(path, lambda image: image.resize((32, 32))), "32x32, expected 28x28"),
        (lambda path: resave(path, lambda image: image.convert("RGB")), "mode RGB, expected grayscale"),
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


@pytest.mark.parametrize("name", ["Training Set/notes.txt", "Test Set/a.jpg"])
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


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda path: path.unlink(), "holds 7 images, expected 8"),
        (lambda path: resave(path, lambda image: image.rotate(9), fp=path.with_name("3_9.jpg")), "holds 9 images"),
        (lambda path: resave(path, lambda image: image, format="PNG"), "no .jpg file"),
        (lambda path: resave(path, lambda image: image, fp=path.with_suffix(".png")), "holds 9 images, expected 8"),
        (lambda path: shutil.copytree(path.parents[1] / "3", path.parents[1] / "10"), "Expected only the folders 0 to"),
    ],
)
def test_the_assignments_form_is_insisted_on_where_it_is_asked_for(digits, damage, complaint):
    assert find_problems(digits, ASSIGNMENT_4) == []
    damage(digits / DIGIT)
    assert any(complaint in problem for problem in find_problems(digits, ASSIGNMENT_4))
    with pytest.raises(ToolkitError, match="assignment_4 asks for it"):
        require_form(digits, ASSIGNMENT_4)


def test_any_classes_and_counts_load(tmp_path, examples):
    folder = tmp_path / "mine"
    names = ("9", "10", "Ankle boot", "Ω")
    for number, (name, images) in enumerate(examples.items()):
        some = images.take(np.flatnonzero(images.labels < 4)[min(number, 1) :])
        save_sets(folder, {name: LabelledImages(some.images, some.labels, names)})
    assert find_problems(folder) == []
    sets = load_sets(folder)
    assert sets.classes == names
    assert sets.training.class_counts().tolist() == [8, 8, 8, 8]
    assert sets.validation.class_counts().tolist() == [1, 2, 2, 2]
    assert (folder / "Training Set/Ankle boot/Ankle boot_08.jpg").exists()


def test_images_need_not_be_jpeg(digits):
    path = digits / DIGIT
    Image.open(path).save(path.with_suffix(".png"))
    path.unlink()
    assert find_problems(digits) == []


def test_a_class_that_a_set_lacks_is_named(digits):
    shutil.rmtree(digits / "Validation Set" / "4")
    with pytest.raises(ToolkitError, match="Validation Set has no images of 4"):
        load_sets(digits)


@pytest.mark.parametrize("name", ["CON", "dot."])
def test_a_folder_that_cannot_name_a_class_is_told(digits, name):
    (digits / "Training Set" / name).mkdir()
    with pytest.raises(ToolkitError, match="cannot name a class"):
        load_sets(digits)


def test_one_class_is_no_set(digits):
    for folder in digits.glob("*/[1-9]"):
        shutil.rmtree(folder)
    with pytest.raises(ToolkitError, match="holds 1 classes, expected 2 to 1,000"):
        load_sets(digits)


def test_the_same_images_of_other_classes_are_other_sets(digits):
    before = load_sets(digits).sha256()
    for folder in digits.glob("*/9"):
        folder.rename(folder.with_name("nine"))
    assert load_sets(digits).sha256() != before


def test_a_form_is_found_by_name():
    assert find_form("assignment_4") is ASSIGNMENT_4
    with pytest.raises(ToolkitError, match="Choose one of assignment_4"):
        find_form("assignment_5")


def test_all_problems_are_listed(digits):
    shutil.copy(digits / DIGIT, digits / "Training Set/3/3_99.jpg")
    (digits / "Test Set/0/0_01.jpg").write_bytes(b"")
    assert len(find_problems(digits)) == 2


def test_replaced_sets_are_kept_aside(digits, examples, tmp_path):
    other = {
        name: LabelledImages(images.images[:, :, ::-1].copy(), images.labels, DIGITS)
        for name, images in examples.items()
    }
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
    blank = {
        name: LabelledImages(np.zeros_like(images.images), images.labels, DIGITS) for name, images in examples.items()
    }
    with pytest.raises(ToolkitError, match="blank"):
        replace_sets(digits, blank, tmp_path / "aside")
    assert {path.relative_to(digits): path.read_bytes() for path in digits.rglob("*.jpg")} == before
    assert sorted(path.name for path in digits.iterdir()) == sorted(examples)
    assert not (tmp_path / "aside").exists()
