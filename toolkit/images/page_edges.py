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
    small = np.log(np.maximum(small, 1))
    bright = small
    spread = max(float(np.ptp(small)), 0.1)  # of even paper, noise is not blown up
    small = (255 / spread * (small - small.min())).astype(np.uint8)
    small = cv2.GaussianBlur(small, (0, 0), 1.5)
    length = LENGTH * min(small.shape)
    found = [np.zeros((0, 4))]
    for low in (5, 10):  # a light table hardly differs from paper, on a wooden one faint edges are too many
        lines = cv2.HoughLinesP(
            cv2.Canny(small, low, 3 * low),
            1,
            np.pi / 360,
            round(length / 2),
            minLineLength=length,
            maxLineGap=length / 8,
        )
        if lines is not None:
            found.append(lines.reshape(-1, 4))
    segments = np.concatenate(found).astype(float) / scale
    lengths = np.hypot(segments[:, 2] - segments[:, 0], segments[:, 3] - segments[:, 1])
    edges = []
    for x1, y1, x2, y2 in segments[np.argsort(-lengths)][:MOST_EDGES]:
        step, whole_step = (_step(bright, (x1 * scale, y1 * scale, x2 * scale, y2 * scale), at) for at in (CLOSE, WIDE))
        if whole_step >= STEP and step >= whole_step / 2:
            edges.append(((x1, y1), np.array([y1 - y2, x2 - x1]) / np.hypot(x2 - x1, y2 - y1), whole_step))
    points, normals, steps = (np.array(part) for part in zip(*edges, strict=True)) if edges else np.zeros((3, 0))
    return PageEdges(points, normals, steps, max(paper.shape))


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


def _step(bright: np.ndarray, segment: tuple[float, float, float, float], distance: int) -> float:
    """How much the brightness differs between the two sides of a segment, so many pixels off."""
    x1, y1, x2, y2 = segment
    along = np.linspace(0, 1, 50)[:, None]
    points = np.array([(x1, y1)]) + along * np.array([(x2 - x1, y2 - y1)])
    normal = np.array([y1 - y2, x2 - x1]) / np.hypot(x2 - x1, y2 - y1)
    sides = []
    for offset in (-distance, distance):
        x, y = np.round(points + offset * normal).astype(int).T
        sides.append(bright[np.clip(y, 0, bright.shape[0] - 1), np.clip(x, 0, bright.shape[1] - 1)])
    return float(abs(np.median(sides[0] - sides[1])))
