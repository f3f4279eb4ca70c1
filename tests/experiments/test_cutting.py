import csv
import json
import re
import shutil

import numpy as np
import pytest
from PIL import ExifTags, Image

from benchmarks.example_digits import writer_ink
from benchmarks.simulate import TEN_ROWS, Camera, save_photo, simulate_sheet
from toolkit.data.image_sets import ASSIGNMENT_4, find_problems
from toolkit.paths import ROOT, runs_folder


def latest():
    return max((runs_folder() / "sheet_cut").iterdir())


def provenance() -> list[dict[str, str]]:
    with (latest() / "provenance.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_a_photo_becomes_three_sets(run, sheet_photo, tmp_path):
    out = tmp_path / "mine"
    status, told, _ = run("sheet", "cut", sheet_photo, "--out", out, "--model", "mnist_cnn")
    assert status == 0
    assert "120 digits in rows of 12, 12" in told
    assert find_problems(out) == []
    folder = latest()
    assert {"overlay.jpg", "contact_sheet.png", "provenance.csv", "run.json"} <= {p.name for p in folder.iterdir()}
    rows = provenance()
    assert len(rows) == 120
    for row in rows:
        assert (out / row["file"]).exists()
        assert row["file"].startswith(f"{row['set']}/{row['label']}/")
        assert int(row["label"]) == int(row["row"]) - 1
    assert json.loads((folder / "run.json").read_text())["options"]["seed"] == 0


def test_the_same_seed_makes_the_same_files_another_one_other_sets(run, sheet_photo, tmp_path):
    contents = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        assert (
            run("sheet", "cut", sheet_photo, "--out", tmp_path / name, "--seed", seed, "--model", "mnist_cnn")[0] == 0
        )
        files = sorted((tmp_path / name).rglob("*.jpg"))
        contents.append([path.read_bytes() for path in files])
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]
    assert sorted(contents[0]) == sorted(contents[2])


def test_existing_sets_are_replaced_only_when_asked_and_kept_aside(run, sheet_photo, digits):
    before = {path.relative_to(digits): path.read_bytes() for path in digits.rglob("*.jpg")}
    status, _, error = run("sheet", "cut", sheet_photo, "--out", digits)
    assert status == 1
    assert "--replace" in error
    assert {path.relative_to(digits): path.read_bytes() for path in digits.rglob("*.jpg")} == before
    assert run("sheet", "cut", sheet_photo, "--out", digits, "--replace", "--model", "mnist_cnn")[0] == 0
    aside = latest() / "replaced sets"
    assert {path.relative_to(aside): path.read_bytes() for path in aside.rglob("*.jpg")} == before
    assert find_problems(digits) == []


def wrong_photo(tmp_path, fives: int):
    rows = list(TEN_ROWS)
    rows[5] = "5" * fives
    photo = tmp_path / "wrong.jpg"
    save_photo(simulate_sheet(writer_ink(3), rows, camera=Camera(megapixels=1), seed=2), photo)
    return photo


def test_a_wrong_count_stops_with_a_picture_and_writes_no_set(run, tmp_path):
    photo, out = wrong_photo(tmp_path, 13), tmp_path / "mine"
    status, _, error = run("sheet", "cut", photo, "--out", out, "--model", "mnist_cnn")
    assert status == 1
    assert "row 6 (the 5s) has 13 digits, expected 12" in error
    assert "--skip ROW:COL" in error
    assert error.count("\n") == 1
    assert not out.exists()
    with Image.open(latest() / "wrong_rows.png") as picture:
        assert picture.width > 500
    words = ["--skip", "6:13", "--label", "6:12=5", "--model", "mnist_cnn"]
    assert run("sheet", "cut", photo, "--out", out, *words)[0] == 0
    assert json.loads((latest() / "run.json").read_text())["options"]["label"] == ["6:12=5"]


def test_accepted_rows_may_be_longer_but_not_shorter_than_the_sets_need(run, tmp_path):
    words = ["--accept", "--model", "mnist_cnn"]
    assert run("sheet", "cut", wrong_photo(tmp_path, 13), "--out", tmp_path / "more", *words)[0] == 0
    left_over = [row for row in provenance() if not row["file"]]
    assert [row["label"] for row in left_over] == ["5"]
    status, _, error = run("sheet", "cut", wrong_photo(tmp_path, 11), "--out", tmp_path / "less", *words)
    assert status == 1
    assert "5: 11" in error
    assert not (tmp_path / "less").exists()


def test_several_photos_make_one_set(run, tmp_path):
    photos = []
    for number, rows in enumerate((TEN_ROWS[:5], TEN_ROWS[5:])):
        photos.append(tmp_path / f"page_{number}.jpg")
        save_photo(simulate_sheet(writer_ink(4), rows, camera=Camera(megapixels=1), seed=number), photos[-1])
    words = ["--out", tmp_path / "mine", "--model", "mnist_cnn"]
    assert run("sheet", "cut", *photos, *words, "--rows", "01234,56789")[0] == 0
    assert find_problems(tmp_path / "mine") == []
    photo_of = {row["label"]: row["photo"] for row in provenance()}
    assert photo_of["4"] == "page_0.jpg"
    assert photo_of["5"] == "page_1.jpg"


def test_location_and_camera_never_reach_the_cut_images(run, written_sheet, tmp_path):
    image = Image.fromarray(written_sheet.photo)
    exif = image.getexif()
    exif[ExifTags.Base.Make] = "Secret camera"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 12.0)
    photo = tmp_path / "photo.jpg"
    image.save(photo, exif=exif, quality=95)
    assert b"Secret camera" in photo.read_bytes()
    out = tmp_path / "mine"
    assert run("sheet", "cut", photo, "--out", out, "--model", "mnist_cnn")[0] == 0
    for path in [*out.rglob("*.jpg"), *latest().rglob("*.jpg"), *latest().rglob("*.png")]:
        content = path.read_bytes()
        assert b"Secret camera" not in content
        with Image.open(path) as image:
            assert not image.getexif()


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
def test_hostile_files_get_one_line_and_leave_nothing(name, run, sheet_photo, tmp_path):
    photo = tmp_path / "hostile.jpg"
    HOSTILE[name](photo, sheet_photo.read_bytes())
    status, _, error = run("sheet", "cut", photo, "--out", tmp_path / "mine", "--model", "mnist_cnn")
    assert status == 1
    assert error.startswith("Error: ")
    assert error.count("\n") == 1
    assert "hostile.jpg" in error
    assert not (tmp_path / "mine").exists()


def test_an_animation_is_refused(run, written_sheet, tmp_path):
    frames = [Image.fromarray(written_sheet.photo).resize((300, 400)), Image.new("RGB", (300, 400))]
    photo = tmp_path / "moving.webp"
    frames[0].save(photo, save_all=True, append_images=frames[1:])
    status, _, error = run("sheet", "cut", photo, "--out", tmp_path / "mine")
    assert status == 1
    assert "several frames" in error


@pytest.mark.parametrize("mode", ["CMYK", "LA", "I;16", "P"])
def test_unusual_modes_are_read(mode, run, written_sheet, tmp_path):
    image = Image.fromarray(written_sheet.photo)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    else:
        image = image.convert(mode)
    photo = tmp_path / ("photo.tif" if mode == "CMYK" else "photo.png")
    image.save(photo)
    assert run("sheet", "cut", photo, "--out", tmp_path / "mine", "--model", "mnist_cnn")[0] == 0


def test_sets_hold_what_is_promised(run, sheet_photo, tmp_path):
    assert run("sheet", "cut", sheet_photo, "--out", tmp_path / "mine", "--model", "mnist_cnn")[0] == 0
    for name, size in ASSIGNMENT_4.per_class.items():
        for digit in range(10):
            files = list((tmp_path / "mine" / name / str(digit)).iterdir())
            assert len(files) == size
            for path in files:
                with Image.open(path) as image:
                    assert (image.size, image.mode, image.format) == ((28, 28), "L", "JPEG")


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
        status, _, error = run(*words)
        assert status == 0, error
    assert (tmp_path / "sheet.pdf").exists()
    assert find_problems(tmp_path / "mine") == []
