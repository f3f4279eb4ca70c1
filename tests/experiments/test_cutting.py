import csv
import io
import json
import re
import shutil
import sys
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import ExifTags, Image

from benchmarks.simulate import save_photo
from tests.conftest import simulate_note
from toolkit.cli import main
from toolkit.data.image_sets import ASSIGNMENT_4, find_problems, read_all_sets
from toolkit.data.labelled_images import LabelledImages
from toolkit.experiments import cutting
from toolkit.experiments.cutting import show_doubtful
from toolkit.models.bundle import load_model
from toolkit.paths import ROOT, runs_folder

NOTE = ["--rows", "01234", "--per-class", "4,1,1", "--model", "mnist_cnn"]  # five rows of six


def latest():
    return max((runs_folder() / "sheet_cut").iterdir())


def provenance(folder: Path) -> list[dict[str, str]]:
    with (folder / "provenance.csv").open() as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def cut_once(tmp_path_factory, written_sheet):
    """A whole sheet, cut from a photo that tells of camera and place: its sets, its run's folder and what was said."""
    folder = tmp_path_factory.mktemp("cut")
    image = Image.fromarray(written_sheet.photo)
    exif = image.getexif()
    exif[ExifTags.Base.Make] = "Secret camera"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 12.0)
    photo = folder / "photo.jpg"
    image.save(photo, exif=exif, quality=95)
    words = ["toolkit", "sheet", "cut", str(photo), "--out", str(folder / "sets"), "--model", "mnist_cnn"]
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said):
        patch.setenv("TOOLKIT_RUNS", str(folder / "runs"))
        patch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit):
            main()
    (run,) = (folder / "runs" / "sheet_cut").iterdir()
    return SimpleNamespace(photo=photo, sets=folder / "sets", run=run, said=said.getvalue())


def test_a_photo_becomes_three_sets(cut_once):
    assert "120 digits in rows of 12, 12" in cut_once.said
    assert find_problems(cut_once.sets) == []
    left = {path.name for path in cut_once.run.iterdir()}
    assert {"overlay.jpg", "contact_sheet.png", "provenance.csv", "run.json"} <= left
    rows = provenance(cut_once.run)
    assert len(rows) == 120
    for row in rows:
        assert (cut_once.sets / row["file"]).exists()
        assert row["file"].startswith(f"{row['set']}/{row['label']}/")
        assert int(row["label"]) == int(row["row"]) - 1
    record = json.loads((cut_once.run / "run.json").read_text())
    assert record["options"]["seed"] == 0
    sets = read_all_sets(cut_once.sets)  # by which a report finds the photo
    assert record["images_sha256"] == {name: images.sha256() for name, images in sets.items()}


def test_sets_hold_what_is_promised(cut_once):
    for name, size in ASSIGNMENT_4.per_class.items():
        for digit in range(10):
            files = list((cut_once.sets / name / str(digit)).iterdir())
            assert len(files) == size
            for path in files:
                with Image.open(path) as image:
                    assert (image.size, image.mode, image.format) == ((28, 28), "L", "JPEG")


def test_location_and_camera_never_reach_the_cut_images(cut_once):
    assert b"Secret camera" in cut_once.photo.read_bytes()
    for path in [*cut_once.sets.rglob("*.jpg"), *cut_once.run.rglob("*.jpg"), *cut_once.run.rglob("*.png")]:
        content = path.read_bytes()
        assert b"Secret camera" not in content
        with Image.open(path) as image:
            assert not image.getexif()


def test_the_same_seed_makes_the_same_files_another_one_other_sets(run, note_photo, tmp_path):
    contents = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        assert run("sheet", "cut", note_photo, "--out", tmp_path / name, "--seed", seed, *NOTE)[0] == 0
        files = sorted((tmp_path / name).rglob("*.jpg"))
        contents.append([path.read_bytes() for path in files])
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]
    assert sorted(contents[0]) == sorted(contents[2])


def test_existing_sets_are_replaced_only_when_asked_and_kept_aside(run, note_photo, digits):
    before = {path.relative_to(digits): path.read_bytes() for path in digits.rglob("*.jpg")}
    status, _, error = run("sheet", "cut", note_photo, "--out", digits, *NOTE)
    assert status == 1
    assert "--replace" in error
    assert {path.relative_to(digits): path.read_bytes() for path in digits.rglob("*.jpg")} == before
    assert run("sheet", "cut", note_photo, "--out", digits, "--replace", *NOTE)[0] == 0
    aside = latest() / "replaced sets"
    assert {path.relative_to(aside): path.read_bytes() for path in aside.rglob("*.jpg")} == before
    assert len(list(digits.glob("* Set/*/*.jpg"))) == 30
    assert find_problems(digits) == []


def wrong_photo(tmp_path, twos: int):
    photo = tmp_path / f"{twos}.jpg"
    save_photo(simulate_note("000000", "111111", "2" * twos, "333333", "444444"), photo)
    return photo


def test_a_wrong_count_stops_with_a_picture_and_writes_no_set(run, tmp_path):
    photo, out = wrong_photo(tmp_path, 7), tmp_path / "mine"
    status, _, error = run("sheet", "cut", photo, "--out", out, *NOTE)
    assert status == 1
    assert "row 3 (the 2s) has 7 digits, expected 6" in error
    assert "--skip ROW:COL" in error
    assert error.count("\n") == 1
    assert not out.exists()
    with Image.open(latest() / "wrong_rows.png") as picture:
        assert picture.width > 300
    assert run("sheet", "cut", photo, "--out", out, "--skip", "3:7", "--label", "3:6=2", *NOTE)[0] == 0
    assert json.loads((latest() / "run.json").read_text())["options"]["label"] == ["3:6=2"]


def test_accepted_rows_may_be_longer_but_not_shorter_than_the_sets_need(run, tmp_path):
    assert run("sheet", "cut", wrong_photo(tmp_path, 7), "--out", tmp_path / "more", "--accept", *NOTE)[0] == 0
    left_over = [row for row in provenance(latest()) if not row["file"]]
    assert [row["label"] for row in left_over] == ["2"]
    status, _, error = run("sheet", "cut", wrong_photo(tmp_path, 5), "--out", tmp_path / "less", "--accept", *NOTE)
    assert status == 1
    assert "2: 5" in error
    assert not (tmp_path / "less").exists()


def test_several_photos_make_one_set(run, tmp_path):
    photos = []
    for number, rows in enumerate((("000000", "111111"), ("222222", "333333", "444444"))):
        photos.append(tmp_path / f"page_{number}.jpg")
        save_photo(simulate_note(*rows), photos[-1])
    assert run("sheet", "cut", *photos, "--out", tmp_path / "mine", "--rows", "01,234", *NOTE[2:])[0] == 0
    assert find_problems(tmp_path / "mine") == []
    photo_of = {row["label"]: row["photo"] for row in provenance(latest())}
    assert photo_of["1"] == "page_0.jpg"
    assert photo_of["2"] == "page_1.jpg"


def test_sets_that_exist_are_looked_over(run, digits):
    twin = digits / "Test Set" / "3" / "3_01.jpg"
    with Image.open(twin) as image:
        pixels = np.roll(np.asarray(image), 5, axis=1)
    Image.fromarray(pixels).save(twin, quality=95)
    status, told, _ = run("sheet", "check", "--digits", digits, "--model", "mnist_cnn")
    assert status == 0
    assert "Test Set 7, 3: " in told
    assert "off centre" in told
    assert "contact_sheet.png" in told


def test_the_most_doubtful_labels_of_all_parts_are_listed_and_drawn(examples, capsys, tmp_path):
    test = examples["Test Set"]
    labels = test.labels.copy()
    labels[3] = (labels[3] + 4) % 10
    parts = {**examples, "Test Set": LabelledImages(test.images, labels, test.classes)}
    show_doubtful(parts, 3, tmp_path / "a.png", "mnist_mlp")
    said = capsys.readouterr().out.splitlines()
    assert f"{labels[3]}: Test Set 4, more like {test.name(3)}" in said
    assert len(said) <= 3
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.height > 300


def test_data_mnist_shows_doubtful_labels_when_asked(run, idx_files, tmp_path, monkeypatch):
    monkeypatch.setattr(cutting, "load_model", lambda _: load_model("mnist_mlp"))  # needs no timm
    status, said, _ = run("data", "mnist", "--mnist", idx_files, "--doubts", "5", "--out", tmp_path / "a.png")
    assert status == 0
    assert said.count("more like") <= 5
    assert f"Contact sheet: {tmp_path / 'a.png'}" in said
    assert (tmp_path / "a.png").exists()


def test_the_template_is_written(run, tmp_path):
    for paper in ("a4", "letter"):
        assert run("sheet", "template", "--out", tmp_path / f"{paper}.pdf", "--paper", paper)[0] == 0
        assert (tmp_path / f"{paper}.pdf").read_bytes().startswith(b"%PDF")
    assert run("sheet", "template", "--out", tmp_path / "x.pdf", "--paper", "a5")[0] == 1


HOSTILE = {
    "truncated": lambda path, good: path.write_bytes(good[: len(good) // 3]),
    "empty": lambda path, good: path.write_bytes(b""),
    "text": lambda path, good: path.write_text("no picture at all"),
    "huge header": lambda path, good: path.write_bytes(
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (50_000).to_bytes(4, "big") * 2 + b"\x08\0\0\0\0\0\0\0\0"
    ),
    "missing": lambda path, good: None,
    "a folder": lambda path, good: path.mkdir(),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_get_one_line_and_leave_nothing(name, run, note_photo, tmp_path):
    photo = tmp_path / "hostile.jpg"
    HOSTILE[name](photo, note_photo.read_bytes())
    status, _, error = run("sheet", "cut", photo, "--out", tmp_path / "mine", "--model", "mnist_cnn")
    assert status == 1
    assert error.startswith("Error: ")
    assert error.count("\n") == 1
    assert "hostile.jpg" in error
    assert not (tmp_path / "mine").exists()


def test_an_animation_is_refused(run, written_note, tmp_path):
    frames = [Image.fromarray(written_note.photo).resize((300, 400)), Image.new("RGB", (300, 400))]
    photo = tmp_path / "moving.webp"
    frames[0].save(photo, save_all=True, append_images=frames[1:])
    status, _, error = run("sheet", "cut", photo, "--out", tmp_path / "mine")
    assert status == 1
    assert "several frames" in error


@pytest.mark.parametrize("mode", ["CMYK", "LA", "I;16", "P"])
def test_unusual_modes_are_read(mode, run, written_note, tmp_path):
    image = Image.fromarray(written_note.photo)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    else:
        image = image.convert(mode)
    photo = tmp_path / ("photo.tif" if mode == "CMYK" else "photo.png")
    image.save(photo)
    assert run("sheet", "cut", photo, "--out", tmp_path / "mine", *NOTE)[0] == 0


def test_the_shipped_sets_are_cut_from_the_shipped_photo(run, tmp_path):
    assert run("sheet", "cut", ROOT / "docs/images/sheet.jpg", "--out", tmp_path / "again")[0] == 0
    made = {path.relative_to(tmp_path / "again"): path.read_bytes() for path in (tmp_path / "again").rglob("*.jpg")}
    shipped = {path.relative_to(ROOT): path.read_bytes() for path in ROOT.glob("* Set/*/*.jpg")}
    assert made == shipped
    assert len(made) == 120


@pytest.mark.usefixtures("brief")
def test_every_command_of_the_walk_works(run, written_sheet, digits, tmp_path, monkeypatch):
    blocks = re.findall(r"^```\n(.*?)^```", (ROOT / "docs/sheet.md").read_text(), re.DOTALL | re.MULTILINE)
    commands = [line.split()[3:] for block in blocks for line in block.splitlines()]
    assert [words[:2] for words in commands] == [
        ["sheet", "template"],
        ["sheet", "cut"],
        ["sheet", "check"],
        ["recipe", "finetune_two_layers"],
        ["predict", "digit.jpg"],
        ["predict", "page.jpg"],
    ]
    monkeypatch.chdir(tmp_path)
    save_photo(written_sheet, tmp_path / "photo.jpg")
    shutil.copy(tmp_path / "photo.jpg", tmp_path / "page.jpg")
    shutil.copy(digits / "Test Set" / "7" / "7_01.jpg", tmp_path / "digit.jpg")
    for words in commands:
        if words[0] == "recipe":
            words += ["--epochs", "2", "--lr", "0.01"]  # twenty take longer than all the rest
        status, _, error = run(*words)
        assert status == 0, error
    assert (tmp_path / "sheet.pdf").exists()
    assert find_problems(tmp_path / "mine") == []
