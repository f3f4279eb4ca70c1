import errno
import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from toolkit.errors import ToolkitError
from toolkit.paths import ROOT
from toolkit.reporting.hand_in import set_files, source_files, strip_card, strip_jpeg, write_zip


@pytest.mark.parametrize("other", [b"no zip", None])
def test_another_hand_in_of_the_same_name_is_not_lost(tmp_path, other):
    path = write_zip(tmp_path / "12.zip", {"Report.pdf": b"report"})
    if other:
        path.write_bytes(other)
    before = path.read_bytes()
    with pytest.raises(ToolkitError, match="another hand-in"):
        write_zip(path, {"12.ipynb": b"{}"})
    assert path.read_bytes() == before


def test_the_source_is_complete_and_nothing_else():
    files = source_files()
    assert {"toolkit/cli.py", "recipes/hand_in.py", "README.md", "checkpoints/mnist_mlp/model.json"} <= set(files)
    assert {path.name for path in ROOT.glob("requirements*.txt")} <= set(files)  # one names the other
    assert files["README.md"] == (ROOT / "README.md").read_bytes()
    assert not [name for name in files if "__pycache__" in name or name.startswith(("runs/", ".venv", ".git/"))]


def test_metadata_goes_and_pixels_stay(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (28, 28), np.uint8)
    exif = Image.Exif()
    exif[0x013B] = "Ada Lovelace"
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="JPEG", exif=exif, comment="made at home", icc_profile=b"x" * 300)
    content = stream.getvalue()
    stripped = strip_jpeg(content, tmp_path)
    assert b"Ada" in content
    assert b"home" in content
    assert not [word for word in (b"Ada", b"home", b"Exif", b"ICC") if word in stripped]
    before, after = (Image.open(io.BytesIO(data)) for data in (content, stripped))
    assert np.array_equal(np.asarray(before), np.asarray(after))
    assert after.mode == "L"
    with pytest.raises(ToolkitError, match="damaged"):
        strip_jpeg(content[:40], tmp_path)


def test_all_images_of_the_three_sets_are_taken(digits):
    files = set_files(digits)
    assert len(files) == 120
    assert files["Test Set/9/9_02.jpg"].startswith(b"\xff\xd8")


def test_a_card_does_not_tell_where_the_digits_lay():
    card = strip_card(b'{"name": "a", "options": {"digits": "/home/ada", "lr": 0.1}}')
    assert b"ada" not in card
    assert b"0.1" in card


def test_equal_content_gives_an_equal_zip(tmp_path):
    for name in ("a.zip", "b.zip"):
        write_zip(tmp_path / name, {"Ünd/x y.txt": b"text", "run": b"#!/bin/sh\n"})
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.read("Ünd/x y.txt") == b"text"
        assert archive.getinfo("run").external_attr >> 16 & 0o111


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(ToolkitError, match="No space left"):
        write_zip(tmp_path / "a.zip", {"x": b"y"})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.touch", refuse)
    with pytest.raises(ToolkitError, match="Read-only file system"):
        write_zip(tmp_path / "a.zip", {"x": b"y"})
