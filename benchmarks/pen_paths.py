"""The path of the pen that left a digit's ink, so that it can be written again with a finer pen.

A bitmap of 32x32 (``benchmarks.example_digits.bitmaps``) is as coarse as its pen was thick: loops are filled, strokes
that touch have become one, and thinning it leaves knots and hooks. So a path is looked for instead: of the few ways in
which people write a digit, the one whose line, as thick as it must be, leaves that ink. A finer pen along the same
path writes smooth lines of even width, and the loops are open again.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from scipy.interpolate import BSpline

from toolkit.paths import atomic_write

SIDE, BORDER, ENLARGEMENT = 32, 4, 4  # pixels of a bitmap, empty ones around it, and what each becomes when drawn
STEPS, RATE = 150, 0.35  # of the search; pixels that a point moves in a step, at first
SOFTEST, SHARPEST = 1.0, 0.25  # pixels over which the line's edge falls off, at first and in the end
SEARCHED, DRAWN = 5, 12  # places on the line for each of its points
STIFFNESS = 0.2  # pixels of ink that a bend is worth which the usual way of writing does not have, one pixel squared
THINNEST, THICKEST = 2.0, 14.0  # pixels a pen may be wide
SPARED = 0.03  # share of the ink by which a way must be better than those before it, which are simpler
THICKER = 1.3  # pixels by which OpenCV's lines are thicker than told, if told an even number
AROUND = 2  # pixels around a bitmap that are to stay free of ink

# ways to write each digit, and of each its strokes: the points that pull the line, x,y in hundredths of the digit's
# width and height. Equal points are and stay one: twice the same makes a round corner, three times a sharp one, and
# strokes that have a point in common meet
Way = tuple[str, ...]
HOOK = "0,12 20,3 60,5 100,0 100,0 75,35 50,65 30,100"
BAR = "0,55 30,53 60,52 90,50"
WAYS: dict[str, tuple[Way, ...]] = {
    "0": (("85,5 45,-5 0,20 0,70 30,102 80,98 102,55 100,20 85,5",),),
    "1": (
        ("50,0 50,30 50,65 50,100",),
        ("0,42 30,25 65,0 65,0 65,0 60,30 60,65 65,100",),
        ("0,25 20,15 50,0 50,0 50,0 50,30 50,65 50,100", "0,100 25,100 50,100 50,100 75,100 100,99"),
    ),
    "2": (("10,25 20,5 60,-2 85,18 60,50 25,75 0,92 0,92 30,88 60,95 100,100",),),
    "3": (("5,10 30,0 80,0 85,25 40,45 40,45 85,55 100,80 70,100 0,98",),),
    "4": (
        ("60,0 40,25 0,65 0,65 35,68 75,66", "87,30 83,48 75,66 75,66 67,83 57,100"),
        ("55,0 35,30 0,65 0,65 35,67 69,65 69,65 100,63", "72,30 71,48 69,65 69,65 67,83 65,100"),
    ),
    "5": (("20,2 18,20 15,45 15,45 50,38 95,50 95,80 50,100 0,98", "20,2 45,5 75,5 100,3"),),
    "6": (("55,0 25,20 5,50 3,75 3,75 25,100 80,102 102,80 75,58 35,60 3,75",),),
    "7": ((HOOK,), (HOOK, BAR)),
    "8": (("80,10 60,0 20,5 15,30 50,48 90,65 90,95 50,102 5,95 10,68 45,50 85,30 80,10",),),
    "9": (("75,10 50,0 10,5 0,30 30,48 65,35 75,10 75,10 80,40 95,70 80,100 40,100 0,100",),),
}


@dataclass(frozen=True)
class PenPath:
    """How one digit was written."""

    digit: str
    way: int  # which of the digit's ``WAYS``
    width: float  # of the pen that left the ink, in pixels of the bitmap
    points: np.ndarray  # of shape (n, 2), x and y in pixels of the bitmap, a point for every one that differs

    def draw(self, width: float) -> np.ndarray:
        """The path with a pen ``width`` pixels of the bitmap wide, bright on black, uint8 of shape (160, 160)."""
        side = (SIDE + 2 * BORDER) * ENLARGEMENT
        image = np.zeros((side, side), np.uint8)
        thickness = max(2, 2 * round((width * ENLARGEMENT - THICKER) / 2))
        for stroke in _splines(WAYS[self.digit][self.way], DRAWN):
            line = (stroke @ self.points + BORDER) * ENLARGEMENT - 0.5
            sixteenths = np.round(16 * line).astype(np.int32)
            cv2.polylines(image, [sixteenths], False, 255, thickness, cv2.LINE_AA, shift=4)
        return image


def find_paths(bitmaps: np.ndarray, digit: str) -> list[PenPath]:
    """For bitmaps of one digit, bool of shape (N, 32, 32), the simplest path that leaves nearly each one's ink."""
    found = [_follow(bitmaps, way) for way in WAYS[digit]]
    paths = []
    for n in range(len(bitmaps)):
        best = 0
        for way, (_, _, wrong) in enumerate(found):
            if wrong[n] < found[best][2][n] - SPARED:
                best = way
        points, widths, _ = found[best]
        paths.append(PenPath(digit, best, float(widths[n]), points[n].astype(float)))
    return paths


def save_paths(paths: Sequence[PenPath], file: Path) -> None:
    """Write a line for every path, its lengths in tenths of a pixel."""
    with atomic_write(file) as temporary, temporary.open("w", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(["digit", "way", "width", "points"])
        for path in paths:
            points = " ".join(str(round(10 * length)) for length in path.points.flat)
            rows.writerow([path.digit, path.way, round(10 * path.width), points])


def load_paths(file: Path) -> list[PenPath]:
    """What ``save_paths`` has written."""
    with file.open(newline="") as stream:
        return [
            PenPath(
                row["digit"],
                int(row["way"]),
                int(row["width"]) / 10,
                np.array(row["points"].split(), float).reshape(-1, 2) / 10,
            )
            for row in csv.DictReader(stream)
        ]


def _follow(bitmaps: np.ndarray, way: Way) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (N, n, 2), widths (N,), and what is wrong: ink missing or too much, and bends, as shares of the ink (N,).

    The way is stretched over each bitmap; from there gradient descent makes the difference in ink small.
    """
    import torch

    spline = torch.tensor(np.concatenate(_splines(way, SEARCHED)), dtype=torch.float32)
    bends = torch.tensor(_bends(way), dtype=torch.float32)
    depths = [cv2.distanceTransform(bitmap.astype(np.uint8), cv2.DIST_L2, 5) for bitmap in bitmaps]
    widths = np.array([np.clip(4 * np.median(depth[depth > 0]), THINNEST, THICKEST) for depth in depths])
    boxes = np.array([cv2.boundingRect(bitmap.astype(np.uint8)) for bitmap in bitmaps], float)[:, None]
    inset = np.minimum(widths[:, None, None], boxes[..., 2:] - 2) / 2
    stretched = boxes[..., :2] + inset + _points(way)[0] * (boxes[..., 2:] - 2 * inset)
    start = torch.tensor(stretched, dtype=torch.float32)
    points = start.clone().requires_grad_(True)
    width = torch.tensor(widths[:, None], dtype=torch.float32, requires_grad=True)
    padded = torch.tensor(np.pad(bitmaps, ((0, 0), (AROUND, AROUND), (AROUND, AROUND))), dtype=torch.float32)
    looks = []
    for coarse in (2, 2, 1):  # pixels taken together, in each third of the search
        places = torch.arange(-AROUND, SIDE + AROUND, coarse) + coarse / 2
        pixels = torch.stack(torch.meshgrid(places, places, indexing="xy"), dim=-1).reshape(-1, 2)
        ink = torch.nn.functional.avg_pool2d(padded[:, None], coarse).flatten(1)
        looks.append((coarse**2, pixels.expand(len(bitmaps), -1, -1), ink))
    search = torch.optim.Adam([{"params": [points], "lr": RATE}, {"params": [width], "lr": RATE / 5}])
    slower = torch.optim.lr_scheduler.LambdaLR(search, lambda step: 1 - 0.9 * step / STEPS)
    for step in range(STEPS):
        area, pixels, ink = looks[3 * step // STEPS]
        distance = torch.cdist(pixels, spline @ points).amin(dim=2)
        left = torch.sigmoid((width / 2 - distance) / (SOFTEST + (SHARPEST - SOFTEST) * step / STEPS))
        bent = STIFFNESS * ((bends @ (points - start)) ** 2).sum(dim=(1, 2))
        search.zero_grad()
        (area * ((left - ink) ** 2).sum(dim=1) + bent).sum().backward()
        search.step()
        slower.step()
        with torch.no_grad():
            width.clamp_(THINNEST, THICKEST)
    wrong = ((left - ink).abs().sum(dim=1) + bent) / ink.sum(dim=1)
    return points.detach().numpy(), width.detach().numpy()[:, 0], wrong.detach().numpy()


def _points(way: Way) -> tuple[np.ndarray, list[np.ndarray]]:
    """The points that differ, (n, 2), and for each stroke a matrix that lines them up."""
    strokes = [stroke.split() for stroke in way]
    points = list(dict.fromkeys(point for stroke in strokes for point in stroke))
    lines = [np.eye(len(points))[[points.index(point) for point in stroke]] for stroke in strokes]
    return np.array([point.split(",") for point in points], float) / 100, lines


@cache
def _splines(way: Way, samples: int) -> list[np.ndarray]:
    """For each stroke the matrix that makes its line, ``samples`` for every point, of the points that differ.

    Cubic B-splines that begin in a stroke's first point and end in its last.
    """
    splines = []
    for stroke in _points(way)[1]:
        count = len(stroke)
        knots = np.concatenate([[0] * 3, np.linspace(0, 1, count - 2), [1] * 3])
        places = np.linspace(0, 1, samples * count)
        splines.append(BSpline.design_matrix(places, knots, 3).toarray() @ stroke)
    return splines


def _bends(way: Way) -> np.ndarray:
    """A matrix of second differences along each stroke."""
    return np.concatenate([np.diff(stroke, 2, axis=0) for stroke in _points(way)[1]])
