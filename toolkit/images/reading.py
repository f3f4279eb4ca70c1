"""The one door through which image files come in."""

import contextlib
import io
import re
import struct
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from toolkit.doors import read_file, silenced
from toolkit.errors import ToolkitError

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP")
HEIC = (b"ftypheic", b"ftypheix", b"ftypmif1")  # how such a file begins, after four bytes
LARGEST = 60_000_000  # pixels: the biggest phone cameras take 50 megapixels
LONGEST_SIDE = 32_000  # pixels: OpenCV's own limit for what it resamples is 32,767
LARGEST_FILE = 200_000_000  # bytes
REMEDY = f"Expected one image, {', '.join(FORMATS)}; choose another file."
# grey PNG and JPEG files of up to 255 pixels a side as most programs write them, with nothing beside the pixels
PLAIN_PNG = re.compile(
    rb"\x89PNG\r\n\x1a\n\0\0\0\rIHDR(?:\0\0\0.){2}\x08\0{4}.{4}(.{4})IDAT.*\0{4}IEND\xaeB`\x82", re.DOTALL
)
PLAIN_JPEG = re.compile(
    rb"\xff\xd8\xff\xe0\0\x10JFIF\0.{9}\xff\xdb\0C.{65}\xff\xc0\0\x0b\x08(?:\0.){2}\x01.{3}\xff\xc4\0\x1f.{29}\xff\xc4\0\xb5"
    rb".{179}\xff\xda\0\x08.{6}[^\xff]*(?:\xff\0[^\xff]*)*\xff\xd9",
    re.DOTALL,
)
# what Pillow raises over EXIF that it cannot parse, while the pixels are intact
DAMAGED_EXIF = (OSError, ValueError, SyntaxError, TypeError, KeyError, ZeroDivisionError, struct.error)


def read_grey(path: Path) -> np.ndarray:
    """Read an image as grey values, uint8 of shape (H, W), turned upright as its EXIF says.

    Colour becomes luminance, transparency white paper, 16 bits 8. Raises ``ToolkitError`` for a file
    that is missing, not one of ``FORMATS``, animated, larger than ``LARGEST`` pixels, or damaged; size is
    judged by the header, before anything is decoded.
    """
    return decode(_content(path), path)


def read_rgb(path: Path) -> np.ndarray:
    """Read an image as ``read_grey`` does, but in colour: uint8 of shape (H, W, 3)."""
    image = _eight_bits(_open(_content(path), path))
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def decode(content: bytes, name: str | Path) -> np.ndarray:
    """What ``read_grey`` makes of a file that holds ``content``; errors call it ``name``. For uploads."""
    if len(content) > LARGEST_FILE:
        raise ToolkitError(f"{name} is larger than {LARGEST_FILE / 1e6:g} MB. Choose another file.")
    return np.asarray(_eight_bits(_open(content, name)).convert("L"))


def _eight_bits(image: Image.Image) -> Image.Image:
    """An upright image of 8 bits a channel, without transparency."""
    with warnings.catch_warnings(), contextlib.suppress(*DAMAGED_EXIF):
        warnings.simplefilter("ignore")  # Pillow's, about damaged EXIF
        # a missing or invalid orientation means: as stored. Pillow copies what it need not turn
        if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:
            image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, dtype=np.float64)
        brightest = 65535 if image.mode.startswith("I;16") or values.max(initial=0) > 255 else 255
        return Image.fromarray(np.round(np.clip(values / brightest, 0, 1) * 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB") if image.mode in ("CMYK", "P") else image


def _formats() -> tuple[str, ...]:
    """``FORMATS``, and HEIC where pi-heif is installed: its licence (LGPL) keeps it out of the requirements."""
    try:
        from pi_heif import register_heif_opener
    except ImportError:
        return FORMATS
    register_heif_opener()
    return (*FORMATS, "HEIF")


def read_stored(paths: Iterable[str | Path]) -> Iterator[tuple[np.ndarray, str] | ToolkitError]:
    """Of each file its pixels, as they are stored, and Pillow's name for their mode; or why ``read_grey`` refuses it.

    In mode "L" the pixels are grey values, uint8 of shape (H, W). C libraries are silenced until all are read.
    """
    with silenced():
        for path in paths:
            try:
                content = _content(path)
                if (pixels := _decode_plain(content)) is not None:
                    yield pixels, "L"
                else:
                    image = _open(content, path)
                    yield np.asarray(image), image.mode
            except ToolkitError as error:
                yield error


def _decode_plain(content: bytes) -> np.ndarray | None:
    """What Pillow makes of a small grey file, by OpenCV in a fifth of the time; ``None`` where Pillow is to judge.

    Whether other files are too large, turned, transparent or animated is for Pillow to see before they are decoded.
    """
    png = PLAIN_PNG.fullmatch(content)
    if int.from_bytes(png[1], "big") == len(content) - 57 if png else PLAIN_JPEG.fullmatch(content):
        return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    return None


def _content(path: str | Path) -> bytes:
    try:
        return read_file(path, LARGEST_FILE)
    except ToolkitError as error:
        if Path(path).is_dir():
            raise ToolkitError(f"{path} is a folder. {REMEDY}") from error
        raise


def _open(content: bytes, name: str | Path) -> Image.Image:
    with warnings.catch_warnings(), silenced():
        warnings.simplefilter("ignore")  # Pillow's, about sizes judged below
        try:
            image = Image.open(io.BytesIO(content), formats=_formats())
            if image.width * image.height > LARGEST or max(image.size) > LONGEST_SIDE:
                raise ToolkitError(
                    f"{name} has {image.width} x {image.height} pixels, more than {LARGEST // 1_000_000} "
                    f"million or {LONGEST_SIDE:,} on a side. Scale it down."
                )
            if image.mode == "LAB":  # which Pillow reads but cannot turn into grey
                raise ToolkitError(f"{name} has CIELAB colours. Save it as a JPEG or PNG.")
            # MPO is a JPEG photo with previews or depth behind it
            if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
                raise ToolkitError(f"{name} has several frames or pages. {REMEDY}")
            image.load()
        except UnidentifiedImageError as error:
            if content[4:12] in HEIC:
                raise ToolkitError(
                    f"{name} is a HEIC photo. Have the phone save JPEG, or install what reads it: pip install pi-heif"
                ) from error
            raise ToolkitError(f"{name} is not an image. {REMEDY}") from error
        except Image.DecompressionBombError as error:
            raise ToolkitError(f"{name} is too large to be an image of digits. Scale it down.") from error
        except ToolkitError:
            raise
        except Exception as error:  # whatever a decoder stumbles over
            raise ToolkitError(f"{name} is damaged: {error}. Make or export it again.") from error
    return image
