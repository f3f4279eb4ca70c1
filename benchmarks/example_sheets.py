"""The sheet the repository's digits were cut from, and sheets of letters and signs to try out other classes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.example_digits import writer_ink
from benchmarks.simulate import FINELINER, Camera, Layout, SimulatedSheet, save_photo, simulate_sheet
from benchmarks.simulate.drawn_writers import drawn_ink
from toolkit.errors import ToolkitError

PER_ROW, ROWS = 12, 10  # on a page of A4
MOST = 1000  # signs


def write_example(out: Path, classes: Sequence[str] | None, count: int, writer: int) -> tuple[list[Path], str]:
    """Write the example sheet, or pages of other ``classes``; the files, and the option that tells the cutter of them.

    Raises ``ToolkitError`` where a file exists.
    """
    sheets, rows = [example_sheet()], ""
    if classes is not None:
        sheets, said = letter_sheets(classes, count, writer)
        rows = f' --rows "{said}"'
    files = [out] if len(sheets) == 1 else [out.with_stem(f"{out.stem}_{page}") for page in range(1, len(sheets) + 1)]
    for file in files:
        if file.exists():
            raise ToolkitError(f"{file} exists already, and is not overwritten. Name another file.")
    for file, taken in zip(files, sheets, strict=True):
        save_photo(taken, file)
    return files, rows


def example_sheet() -> SimulatedSheet:
    """The sheet the shipped digits are cut from: writer 0's first twelve of each digit, photographed on a table."""
    camera = Camera(
        megapixels=5,
        turn=3,
        tilt=14,
        tilt_from=110,
        table="wood",
        warmth=0.3,
        gradient=0.2,
        vignetting=0.25,
        shadow=0.35,
        jpeg_quality=85,
        orientation=6,
    )
    layout = Layout(height=11, column_spacing=1.4, row_spacing=2.1, slope=-0.8, bend=2)
    return simulate_sheet(writer_ink(0), pen=FINELINER, camera=camera, layout=layout)


def letter_sheets(classes: Sequence[str], count: int, writer: int) -> tuple[list[SimulatedSheet], str]:
    """Photos of pages with ``count`` of each class, and what stands on them as ``sheet cut --rows`` takes it.

    Raises ``ToolkitError`` for a class or a writer there is not, or for too many signs.
    """
    if not 1 <= count <= MOST // len(classes):
        raise ToolkitError(
            f"{count} of each of {len(classes)} classes cannot be drawn. Choose 1 to {MOST // len(classes)}."
        )
    ink = drawn_ink(writer, classes, count)
    parts = np.array_split(np.arange(count), -(-count // PER_ROW))
    rows = [(name, len(part)) for name in classes for part in parts]
    pages = [rows[begin : begin + ROWS] for begin in range(0, len(rows), ROWS)]
    layout, camera = Layout(height=10, column_spacing=1.5, row_spacing=2.4), Camera(megapixels=5, tilt=8, shadow=0.2)
    sheets = []
    for number, page in enumerate(pages):
        # each page goes on with the samples where the one before has stopped
        written = {name: sum(n for other, n in rows[: number * ROWS] if other == name) for name, _ in page}
        left = {name: ink[name][done:] for name, done in written.items()}
        signs = [[name] * n for name, n in page]
        sheets.append(simulate_sheet(left, signs, pen=FINELINER, camera=camera, layout=layout, seed=number))
    said = ",".join(" ".join(f"{name}*{n}" for name, n in page) for page in pages)
    return sheets, said
