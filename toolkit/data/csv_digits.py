"""Digits from CSV files: one image a line, its label (if it has one) before its 784 pixels.

Kaggle's "Digit Recognizer" (``train.csv``, ``test.csv``) and the pair ``mnist_train.csv``, ``mnist_test.csv``
have this form, with a line of column names or without, plain, as .gz or as .zip.
"""

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from toolkit.classes import DIGITS
from toolkit.doors import read_archive, read_file, read_unpacked
from toolkit.errors import ToolkitError
from toolkit.images.normal_form import SIDE

PIXELS = SIDE * SIDE
LARGEST = 400_000_000  # bytes unpacked: 200,000 images
ROWS_AT_ONCE = 5_000


def read_labelled_csv(path: Path, classes: int = len(DIGITS)) -> tuple[np.ndarray, np.ndarray]:
    """The images and labels of a CSV file, or of all labelled ones in a folder or .zip, ordered by name.

    Images are uint8 (N, 1, 28, 28), labels int64 (N,) from 0 to below ``classes``. Raises
    ``ToolkitError`` naming line and column of the first value that is none, or when there are no labels.
    """
    tables = [_read(name, content, classes) for name, content in _contents(path).items()]
    labelled = [(images, labels) for images, labels in tables if labels is not None]
    if not labelled:
        raise ToolkitError(
            f"{path} has no labels ({PIXELS} columns, not {PIXELS + 1}): such images can only be read by a model. "
            f"Name a file with labels, or label these: python -m toolkit label {path}"
        )
    images, labels = (np.concatenate(parts) for parts in zip(*labelled, strict=True))
    return images, labels


def as_csv(images: np.ndarray, labels: np.ndarray) -> bytes:
    """The same as one plain CSV file with a line of column names."""
    columns = ["label", *(f"pixel{number}" for number in range(PIXELS))]
    rows = np.column_stack([labels, images.reshape(-1, PIXELS)])
    return pd.DataFrame(rows, columns=columns).to_csv(index=False).encode()


def read_csv_images(path: Path) -> np.ndarray:
    """The images of one CSV file (plain, .gz, or alone in a .zip), uint8 (N, 1, 28, 28); labels are passed over."""
    contents = _contents(path)
    if len(contents) > 1:
        raise ToolkitError(f"{path} holds several CSV files: {', '.join(contents)}. Unpack it and name one of them.")
    ((name, content),) = contents.items()
    return _read(name, content, len(DIGITS))[0]


def _contents(path: Path) -> dict[str, bytes]:
    """The CSV files at ``path`` by name; those of a folder or archive that hold no digits are left out."""
    if path.is_dir():
        files = {str(file): read_file(file, LARGEST) for file in sorted(path.glob("*.csv"))}
    elif path.is_file() and zipfile.is_zipfile(path):
        files = {f"{path}/{name}": content for name, content in read_archive(path, ".csv", LARGEST).items()}
    else:
        return {str(path): bytes(read_unpacked(path, LARGEST))}
    digits = {name: content for name, content in files.items() if _columns(content) >= PIXELS}
    if not digits:
        raise ToolkitError(
            f"{path} holds no CSV file of digits: {PIXELS} or {PIXELS + 1} columns were expected. Name another."
        )
    return digits


def _columns(content: bytes) -> int:
    return content[: 100 * PIXELS].partition(b"\n")[0].count(b",") + 1


def _read(name: str, content: bytes, classes: int) -> tuple[np.ndarray, np.ndarray | None]:
    columns = _columns(content)
    if columns not in (PIXELS, PIXELS + 1):
        raise ToolkitError(
            f"{name}, line 1: {columns} columns, expected {PIXELS} pixels, with or without a label before them. "
            f"Name a CSV file of {SIDE}x{SIDE} images."
        )
    first = content[:100].partition(b",")[0].strip().strip(b'"')
    skipped = 0 if first.isdigit() else 1
    limits = [*[classes - 1] * (columns - PIXELS), *[255] * PIXELS]
    images, labels = [], []
    try:  # in pieces: numbers take four times the memory of pixels
        whole = io.BytesIO(content)
        for piece in pd.read_csv(whole, header=None, skiprows=skipped, dtype=np.int32, chunksize=ROWS_AT_ONCE):
            table = piece.to_numpy()
            if table.shape[1] != columns or (table < 0).any() or (table > limits).any():
                raise ValueError
            images.append(table[:, -PIXELS:].astype(np.uint8).reshape(-1, 1, SIDE, SIDE))
            labels.append(table[:, 0].astype(np.int64))
    except (ValueError, OverflowError):  # pandas' ParserError is a ValueError
        images = []
    if not images:
        raise ToolkitError(_find_fault(name, content, skipped, limits))
    return np.concatenate(images), np.concatenate(labels) if columns > PIXELS else None


def _find_fault(name: str, content: bytes, skipped: int, limits: list[int]) -> str:
    """Where the first wrong value stands; slow, so only for a file known to be wrong."""
    rows = csv.reader(io.TextIOWrapper(io.BytesIO(content), "utf-8", errors="replace", newline=""))
    line = 0
    try:
        for line, cells in enumerate(rows, 1):
            if line <= skipped or not cells:
                continue
            if len(cells) != len(limits):
                complaint = f"{len(cells)} columns, line 1 has {len(limits)}"
                return f"{name}, line {line}: {complaint}. Correct or remove the line."
            for column, (cell, limit) in enumerate(zip(cells, limits, strict=True), 1):
                if not (cell.strip().isdecimal() and len(cell) < 100 and int(cell) <= limit):
                    what = "label" if column == 1 and len(limits) > PIXELS else "pixel"
                    return (
                        f"{name}, line {line}, column {column}: {cell.strip()[:20]!r} is no {what} "
                        f"(a whole number from 0 to {limit}). Correct or remove the line."
                    )
    except csv.Error as error:
        return f"{name}, line {line + 1}: {error}. Correct or remove the line."
    return f"{name} holds no images. Fetch it again."
