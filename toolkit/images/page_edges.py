"""The edges of the page in a photo: what lies beyond them is the table's."""

from dataclasses import dataclass

import cv2
import numpy as np

SIDE = 800  # pixels of the longer side on which edges are sought
LENGTH = 0.3  # of the shorter side: an edge of the page shows at least as long
INSIDE = 0.85  # of the likely digits lie on the page's side of an edge; a shadow's rim has ink on both sides
LARGEST = 0.1  # of the longer side: larger strokes are a table's, and count as if they were no larger
ALONG = 2  # times its size: how far off an edge a stroke may lie that the edge itself made
STEP = 0.03  # of the logarithm of brightness, across an edge: a light table hardly differs from paper
CLEAR_STEP = 0.06  # the same: less may be a fold, and then nothing like a digit may lie beyond
CLOSE, WIDE = 3, 12  # pixels on either side: half the step comes within the first, or it is a shadow's soft rim
MOST_EDGES = 300


@dataclass(frozen=True)
class PageEdges:
    """Long straight edges of a photo's background, the longest first.

    ``points`` (n, 2), x and y, lie on them, ``normals`` (n, 2) of length 1 across; ``steps`` (n,) are by how much the
    logarithm of brightness differs; ``side`` is the photo's longer side. All in pixels of the background.
    """

    points: np.ndarray
    normals: np.ndarray
    steps: np.ndarray
    side: int


def find_page_edges(paper: np.ndarray) -> PageEdges:
    """What may be edges of the page on a background of brightness ``paper``, float32 (h, w)."""
    scale = min(1.0, SIDE / max(paper.shape))
    small = cv2.resize(paper, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    bright = np.log(np.maximum(small, 1))
    spread = max(float(np.ptp(bright)), 0.1)  # of even paper, noise is not blown up
    small = (255 / spread * (bright - bright.min())).astype(np.uint8)
    small = cv2.GaussianBlur(small, (0, 0), 1.5)
    least = LENGTH * min(small.shape)
    found = [np.zeros((0, 2, 2))]
    for low in (5, 10):  # a light table hardly differs from paper, on a wooden one faint edges are too many
        outlines = cv2.Canny(small, low, 3 * low)
        lines = cv2.HoughLinesP(outlines, 1, np.pi / 360, round(least / 2), minLineLength=least, maxLineGap=least / 8)
        if lines is not None:
            found.append(lines.reshape(-1, 2, 2))
    segments = np.concatenate(found)
    lengths = np.hypot(*(segments[:, 1] - segments[:, 0]).T)
    longest = np.argsort(-lengths)[:MOST_EDGES]
    begins, along = segments[longest, 0], segments[longest, 1] - segments[longest, 0]
    normals = along[:, ::-1] * (-1, 1) / lengths[longest, None]
    points = begins[:, None] + np.linspace(0, 1, 50)[:, None] * along[:, None]
    close, wide = (_steps(bright, points, distance * normals[:, None]) for distance in (CLOSE, WIDE))
    edges = (wide >= STEP) & (close >= wide / 2)
    return PageEdges(begins[edges] / scale, normals[edges], wide[edges], max(paper.shape))


def inside_page(edges: PageEdges, centres: np.ndarray, sizes: np.ndarray, likely: np.ndarray) -> np.ndarray:
    """Which strokes lie on the page, bool (n,).

    Strokes have ``centres`` (n, 2), x and y, and ``sizes`` (n,); ``likely``, bool (n,), tells those that look like
    digits. An edge counts as one of the page when nearly all likely digits lie on one side of it.
    """
    inside = np.ones(len(centres), bool)
    areas = np.minimum(sizes, LARGEST * edges.side) ** 2
    for point, normal, step in zip(edges.points, edges.normals, edges.steps, strict=True):
        outside = (1 - INSIDE) * likely.sum() if step > CLEAR_STEP else 0
        distance = (centres - point) @ normal
        for side in (distance, -distance):
            beyond = side < sizes / 2
            # an edge breaks into strokes of its own, close along it, which have no say
            far = side < -ALONG * sizes
            if far[likely].sum() <= outside and areas[~beyond].sum() >= areas.sum() / 3:
                inside &= ~beyond
    return inside


def _steps(bright: np.ndarray, points: np.ndarray, off: np.ndarray) -> np.ndarray:
    """How much brightness differs between both sides of ``points``, (n, m, 2), so far ``off``: the medians, (n,)."""
    sides = []
    for side in (points - off, points + off):
        x, y = np.moveaxis(np.round(side).astype(int), -1, 0)
        sides.append(bright[np.clip(y, 0, bright.shape[0] - 1), np.clip(x, 0, bright.shape[1] - 1)])
    return np.abs(np.median(sides[0] - sides[1], axis=1))
