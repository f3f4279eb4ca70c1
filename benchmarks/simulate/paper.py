"""What is written on, and where each sign stands on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from toolkit.classes import DIGITS
from toolkit.errors import ToolkitError

TEN_ROWS = tuple(digit * 12 for digit in DIGITS)
PaperKind = Literal["plain", "ruled", "squared"]
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Paper:
    """What the digits are written on, boards included."""

    kind: PaperKind = "plain"
    size: tuple[float, float] = (210.0, 297.0)  # mm, width and height
    colour: Colour = (236, 235, 230)
    line_colour: Colour = (150, 172, 205)
    line_spacing: float = 9.0  # mm; 5 for squared paper
    line_width: float = 0.25  # mm
    grain: float = 0.012  # standard deviation of the surface, as a share of its brightness
    show_through: float = 0.0  # darkness of the writing on the back, as a share of the brightness


WHITEBOARD = Paper(size=(900.0, 600.0), colour=(240, 242, 244), grain=0.004)
CHALKBOARD = Paper(size=(1500.0, 1000.0), colour=(48, 66, 58), grain=0.06)


@dataclass(frozen=True)
class Layout:
    """How the digits stand on the sheet; the writing is centred on it."""

    height: float = 10.0  # mm, of a digit
    height_spread: float = 0.08  # standard deviation, as a share of the height
    column_spacing: float = 1.4  # from digit to digit, in heights
    row_spacing: float = 2.0  # from row to row, in heights
    jitter: float = 0.06  # standard deviation of a digit's place, in heights
    lean: float = 3.0  # standard deviation of a digit's turn, degrees
    slope: float = 0.0  # of the rows, degrees; positive falls to the right
    bend: float = 0.0  # how far the middle of a row hangs below its ends, mm
    on_lines: bool = True  # rows stand on the nearest line of ruled paper


@dataclass(frozen=True)
class Place:
    """Where one sign stands on the sheet."""

    row: int
    column: int
    label: str
    x: float  # mm, middle of the digit
    y: float  # mm, where it stands
    height: float  # mm
    lean: float  # degrees


def place_signs(rows: Sequence[Sequence[str]], paper: Paper, layout: Layout, rng: np.random.Generator) -> list[Place]:
    """Where each digit stands, in mm from the middle of the paper."""
    pitch, row_pitch = layout.column_spacing * layout.height, layout.row_spacing * layout.height
    across, down = pitch * max(map(len, rows)), row_pitch * len(rows)
    places = []
    for row, digits in enumerate(rows):
        base = (row + 0.5) * row_pitch - down / 2 + layout.height / 2
        if paper.kind == "ruled" and layout.on_lines:
            base = round(base / paper.line_spacing) * paper.line_spacing
        slope, bend = layout.slope * rng.uniform(0.7, 1.3), layout.bend * rng.uniform(0.7, 1.3)
        for column, label in enumerate(digits):
            x = (column + 0.5) * pitch - across / 2
            dx, dy, size, lean = np.clip(rng.normal(0, 1, 4), -2.5, 2.5)
            y = base + np.tan(np.radians(slope)) * x + bend * (1 - (2 * x / across) ** 2)
            places.append(
                Place(
                    row,
                    column,
                    label,
                    x + dx * layout.jitter * layout.height,
                    float(y + dy * layout.jitter * layout.height),
                    layout.height * max(0.5, float(1 + size * layout.height_spread)),
                    float(lean * layout.lean),
                )
            )
    right = max(abs(place.x) + place.height / 2 for place in places)
    down = max(abs(place.y - place.height / 2) + place.height / 2 for place in places)
    if right > paper.size[0] / 2 or down > paper.size[1] / 2:
        raise ToolkitError(
            f"The writing takes {2 * right:.0f} x {2 * down:.0f} mm, the paper has {paper.size[0]:g} x "
            f"{paper.size[1]:g}. Write smaller, closer together or straighter."
        )
    return places
