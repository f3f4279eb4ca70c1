"""Sheets of letters and signs by made writers, to try out other classes than the digits."""

from collections.abc import Sequence

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.images.simulate import FINELINER, Camera, Layout, SimulatedSheet, simulate_sheet
from toolkit.images.simulate.drawn_writers import drawn_ink

PER_ROW, ROWS = 12, 10  # on a page of A4
MOST = 1000  # signs


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
