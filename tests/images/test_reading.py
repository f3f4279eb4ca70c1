import contextlib
import io
import os
import struct
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from tests.damage import at_most_one_line, damaged
from toolkit.errors import ToolkitError
from toolkit.images.reading import LARGEST, decode, read_grey, read_rgb, read_stored

GRADIENT = np.arange(6 * 4, dtype=np.uint8).reshape(6, 4) * 10


def saved(path, array, mode="L", **options):
    Image.fromarray(array).convert(mode).save(path, **options)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp", "a.webp"])
def test_formats_without_loss_give_the_same_grey_values(tmp_path, name):
    options = {"lossless": True} if name.endswith("webp") else {}
    grey = read_grey(saved(tmp_path / name, GRADIENT, **options))
    assert grey.dtype == np.uint8
    assert np.abs(grey.astype(int) - GRADIENT).max() <= 1


def test_the_name_does_not_decide_the_format(tmp_path):
    path = tmp_path / "a.jpg"
    saved(tmp_path / "a.png", GRADIENT).rename(path)
    assert np.array_equal(read_grey(path), GRADIENT)


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (0, GRADIENT),  # invalid: as stored
        (1, GRADIENT),
        (2, GRADIENT[:, ::-1]),
        (3, GRADIENT[::-1, ::-1]),
        (4, GRADIENT[::-1]),
        (5, GRADIENT.T),
        (6, np.rot90(GRADIENT, -1)),
        (7, np.rot90(GRADIENT, 2).T),
        (8, np.rot90(GRADIENT)),
        (99, GRADIENT),
    ],
)
def test_exif_orientation_is_obeyed_when_valid(tmp_path, orientation, expected):
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(read_grey(saved(tmp_path / "a.png", GRADIENT, exif=exif)), expected)


def test_transparency_is_white_paper(tmp_path):
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[1, 1] = (0, 0, 0, 255)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    grey = read_grey(tmp_path / "a.png")
    assert grey[0, 0] == 255
    assert grey[1, 1] == 0


def test_sixteen_bits_become_eight(tmp_path):
    for brightness in (257, 1):
        Image.fromarray(GRADIENT.astype(np.uint16) * brightness).save(tmp_path / "a.png")
        assert np.array_equal(read_grey(tmp_path / "a.png"), np.round(GRADIENT * (brightness / 257)))


def test_a_photo_with_a_preview_behind_it_is_one_photo(tmp_path):
    photo, preview = Image.fromarray(GRADIENT), Image.fromarray(GRADIENT[::2, ::2])
    photo.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[preview], quality=100)
    assert read_grey(tmp_path / "a.jpg").shape == GRADIENT.shape


@pytest.mark.parametrize("mode", ["CMYK", "RGB"])
def test_colour_becomes_luminance(tmp_path, mode):
    grey = read_grey(saved(tmp_path / "a.tif", GRADIENT, mode=mode))
    assert np.abs(grey.astype(int) - GRADIENT).max() <= 2


def png_header(width: int, height: int) -> bytes:
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    header = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return header + struct.pack(">I", 1000) + b"IDAT" + zlib.compress(bytes(100))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "not an image"),
        (b"hello, I am no image", "not an image"),
        (png_header(50_000, 50_000), "too large|pixels"),
        (png_header(9_000, 9_000), "pixels"),
        (png_header(28, 28), "damaged"),
    ],
)
def test_hostile_files_are_refused_in_one_line(tmp_path, content, complaint):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(ToolkitError, match=complaint) as error:
        read_grey(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_truncated_photo_is_refused(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (100, 100), dtype=np.uint8)
    path = saved(tmp_path / "a.jpg", noise)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ToolkitError, match="damaged"):
        read_grey(path)


def test_a_name_with_nul_a_pipe_and_cielab_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    Image.new("LAB", (30, 30)).save(tmp_path / "lab.tif")
    for path, complaint in (
        (tmp_path / "a\0.jpg", "cannot be read"),
        (tmp_path / "pipe.jpg", "no regular file"),
        (tmp_path / "lab.tif", "CIELAB"),
    ):
        for read in (read_grey, read_rgb):
            with pytest.raises(ToolkitError, match=complaint):
                read(path)


def test_a_line_of_pixels_is_refused_before_it_is_decoded(tmp_path):
    Image.new("1", (60_000, 1)).save(tmp_path / "line.png")
    with pytest.raises(ToolkitError, match="on a side"):
        read_grey(tmp_path / "line.png")


def test_a_tiff_with_a_damaged_header_is_one_line(tmp_path):
    whole = saved(tmp_path / "a.tif", GRADIENT, compression="tiff_lzw").read_bytes()
    random = np.random.default_rng(0)
    for _ in range(300):
        content = np.frombuffer(whole, np.uint8).copy()
        places = random.integers(4, len(content), 4)
        content[places] = random.integers(0, 256, 4)
        (tmp_path / "b.tif").write_bytes(content.tobytes())
        with contextlib.suppress(ToolkitError):  # no other error, that is
            read_grey(tmp_path / "b.tif")


def test_animations_missing_files_and_folders_are_refused(tmp_path):
    frames = [Image.fromarray(GRADIENT), Image.fromarray(GRADIENT[::-1])]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:])
    for path, complaint in (
        (tmp_path / "a.webp", "several frames"),
        (tmp_path / "none.jpg", "cannot be read"),
        (tmp_path, "folder"),
    ):
        with pytest.raises(ToolkitError, match=complaint):
            read_grey(path)


def test_phone_cameras_are_within_the_limit():
    assert LARGEST >= 50_000_000


def test_heic_without_its_reader_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    photo = tmp_path / "photo.heic"
    photo.write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    with pytest.raises(ToolkitError, match="pip install pi-heif"):
        read_grey(photo)


def test_colour_is_read_upright(tmp_path):
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:, :10] = 255, 0, 0
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[ExifTags.Base.Orientation] = 6
    image.save(tmp_path / "photo.png", exif=exif)
    read = read_rgb(tmp_path / "photo.png")
    assert read.shape == (30, 20, 3)
    assert read[2, 10].tolist() == [255, 0, 0]
    assert read[25, 10].tolist() == [0, 0, 0]


def test_a_library_that_prints_about_a_damaged_file_is_silent(tmp_path, capfd):
    path = saved(tmp_path / "a.tif", GRADIENT.repeat(20, 0).repeat(20, 1), compression="tiff_deflate")
    whole = path.read_bytes()
    for place in range(8, len(whole), 5):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        with contextlib.suppress(ToolkitError):
            read_grey(path)
    print("told", file=sys.stderr)
    assert capfd.readouterr().err == "told\n"


def encoded(kind, **options):
    stream = io.BytesIO()
    Image.fromarray(GRADIENT).save(stream, kind, **options)
    return stream.getvalue()


WHOLE = [encoded(kind) for kind in ("PNG", "JPEG", "BMP", "WEBP", "TIFF")] + [encoded("TIFF", compression="tiff_lzw")]


@given(content=st.sampled_from(WHOLE).flatmap(damaged))
def test_any_bytes_are_an_image_or_refused_without_a_word_of_a_library(content, tmp_path, capfd):
    (tmp_path / "a").write_bytes(content)
    with at_most_one_line():
        assert read_grey(tmp_path / "a").dtype == np.uint8
    assert capfd.readouterr() == ("", "")


def test_an_upload_is_decoded_with_the_same_checks_and_named(tmp_path):
    content = encoded("PNG")
    (tmp_path / "a.png").write_bytes(content)
    assert np.array_equal(decode(content, "upload"), read_grey(tmp_path / "a.png"))
    for hostile, complaint in (
        (b"hello", "upload is not an image"),
        (png_header(9_000, 9_000), "upload has 9000 x 9000 pixels"),
        (png_header(28, 28), "upload is damaged"),
    ):
        with pytest.raises(ToolkitError, match=complaint):
            decode(hostile, "upload")


def test_an_upload_is_limited_like_a_file(monkeypatch):
    monkeypatch.setattr("toolkit.images.reading.LARGEST_FILE", 10)
    with pytest.raises(ToolkitError, match="upload is larger"):
        decode(encoded("PNG"), "upload")


SMALL = [encoded("PNG"), encoded("JPEG"), encoded("JPEG", optimize=True), encoded("JPEG", progressive=True)]


@given(content=st.sampled_from(SMALL).flatmap(damaged) | st.sampled_from(SMALL))
def test_many_files_are_read_as_one_is_whole_or_damaged(content, tmp_path, capfd):
    (tmp_path / "a").write_bytes(content)
    (read,) = read_stored([tmp_path / "a"])
    if isinstance(read, ToolkitError):
        with pytest.raises(ToolkitError) as error:
            read_grey(tmp_path / "a")
        assert str(error.value) == str(read)
    elif read[1] == "L":
        assert np.array_equal(read[0], read_grey(tmp_path / "a"))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_file_that_ends_early_is_refused_among_many(kind, tmp_path):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (100, 100), dtype=np.uint8))
    noise.save(tmp_path / "whole", kind)
    content = (tmp_path / "whole").read_bytes()
    (tmp_path / "cut").write_bytes(content[:2000])
    (tmp_path / "mended").write_bytes(content[:2000] + content[-12:])  # the end is there, what is before it is not
    whole, cut, mended = read_stored([tmp_path / name for name in ("whole", "cut", "mended")])
    assert np.array_equal(whole[0], read_grey(tmp_path / "whole"))
    assert "cut is damaged" in str(cut)
    if kind == "PNG":
        assert "mended is damaged" in str(mended)


def test_colours_and_what_is_no_image_are_told_among_many(tmp_path):
    saved(tmp_path / "a.png", GRADIENT, mode="RGB")
    colour, folder, missing = read_stored([tmp_path / "a.png", tmp_path, tmp_path / "none.png"])
    assert colour[1] == "RGB"
    assert "is a folder" in str(folder)
    assert "cannot be read" in str(missing)
