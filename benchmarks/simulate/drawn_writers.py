"""Made writers: letters and signs drawn as smooth strokes, each writer in a way of their own.

No package of real handwritten letters or signs was found under a permissive licence, so these are not real: forms and
their variation were made up. What they are good for is to try out other classes than the digits.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from toolkit.errors import ToolkitError

SIZE, THICKNESS = 160, 13  # pixels of a glyph and of its strokes
MARGIN = 40  # pixels around a sign before it is varied
OWN, PASSING = 0.045, 0.022  # how far a point lies off, of the sign's height: always with a writer, and in one sign
STEPS = 12  # points drawn between two of a stroke

Stroke = tuple[tuple[float, float], ...]
# points of each stroke, x to the right and y down, from 0 to 1; a stroke passes smoothly through its points, twice the
# same point makes a corner
SIGNS: dict[str, tuple[Stroke, ...]] = {
    "A": (((0.1, 1), (0.5, 0), (0.5, 0), (0.9, 1)), ((0.25, 0.65), (0.75, 0.62))),
    "B": (
        ((0.2, 0), (0.2, 1)),
        ((0.2, 0.02), (0.65, 0.05), (0.7, 0.35), (0.2, 0.48), (0.2, 0.48), (0.8, 0.58), (0.75, 0.93), (0.2, 1)),
    ),
    "C": (((0.85, 0.15), (0.5, 0), (0.15, 0.4), (0.2, 0.8), (0.55, 1), (0.88, 0.85)),),
    "D": (((0.2, 0), (0.2, 1)), ((0.2, 0), (0.65, 0.1), (0.85, 0.5), (0.65, 0.9), (0.2, 1))),
    "E": (((0.8, 0), (0.2, 0.02), (0.2, 0.02), (0.2, 1), (0.2, 1), (0.82, 0.98)), ((0.2, 0.5), (0.7, 0.48))),
    "F": (((0.85, 0), (0.2, 0.02), (0.2, 0.02), (0.2, 1)), ((0.2, 0.48), (0.7, 0.46))),
    "G": (((0.85, 0.18), (0.5, 0), (0.15, 0.45), (0.45, 1), (0.85, 0.8), (0.85, 0.55), (0.85, 0.55), (0.55, 0.56)),),
    "H": (((0.2, 0), (0.2, 1)), ((0.8, 0), (0.8, 1)), ((0.2, 0.5), (0.8, 0.48))),
    "+": (((0.5, 0.1), (0.5, 0.9)), ((0.1, 0.5), (0.9, 0.5))),
    "−": (((0.1, 0.5), (0.5, 0.49), (0.9, 0.5)),),  # noqa: RUF001  a minus, not a hyphen
    "×": (((0.15, 0.15), (0.85, 0.85)), ((0.85, 0.15), (0.15, 0.85))),  # noqa: RUF001  a multiplication sign
    "Σ": (((0.85, 0.05), (0.12, 0), (0.12, 0), (0.6, 0.48), (0.6, 0.48), (0.12, 1), (0.12, 1), (0.9, 0.97)),),
    "=": (((0.1, 0.33), (0.9, 0.32)), ((0.1, 0.67), (0.9, 0.66))),
    "√": (((0.0, 0.6), (0.15, 0.5), (0.15, 0.5), (0.35, 1), (0.35, 1), (0.55, 0.02), (0.55, 0.02), (1, 0)),),
    "π": (
        ((0.05, 0.15), (0.3, 0.04), (0.95, 0.06)),
        ((0.33, 0.06), (0.3, 0.6), (0.15, 1)),
        ((0.68, 0.05), (0.7, 0.95)),
    ),
}


def drawn_ink(writer: int, classes: Sequence[str], count: int) -> dict[str, list[np.ndarray]]:
    """``count`` samples of each of ``classes`` by a writer, ink bright on black, uint8 of shape (160, 160).

    The same ``writer``, 0 or more, has the same hand. Raises ``ToolkitError`` for a class that is not in ``SIGNS``.
    """
    if unknown := [name for name in classes if name not in SIGNS]:
        raise ToolkitError(f"No strokes are known for {', '.join(unknown[:10])}. Choose from {' '.join(SIGNS)}.")
    if writer < 0 or count < 1:
        raise ToolkitError(f"Writer {writer} and {count} of each cannot be drawn. Choose 0 or more, and 1 or more.")
    hand = np.random.default_rng([writer, 0])
    slant, wide, round_off = hand.normal(0.08, 0.12), hand.uniform(0.7, 1.05), hand.uniform(0.5, 1.0)
    ink: dict[str, list[np.ndarray]] = {}
    for name in classes:
        # a generator for each sign, so that a writer's A is the same whatever else is written
        own = np.random.default_rng([writer, 1 + list(SIGNS).index(name)])
        strokes = [np.array(stroke) + own.normal(0, OWN, (1, 2)) for stroke in SIGNS[name]]
        strokes = [stroke + own.normal(0, OWN, stroke.shape) * _apart(stroke) for stroke in strokes]
        shape = np.array([[wide, -slant], [0, 1]])
        ink[name] = [_draw([(stroke - 0.5) @ shape.T for stroke in strokes], round_off, own) for _ in range(count)]
    return ink


def _apart(stroke: np.ndarray) -> np.ndarray:
    """0 for a point that repeats the one before, which must stay a corner, else 1; shape (n, 1)."""
    moved = np.ones((len(stroke), 1))
    moved[1:, 0] = np.abs(np.diff(stroke, axis=0)).max(axis=1) > 0
    return moved


def _draw(strokes: Sequence[np.ndarray], round_off: float, rng: np.random.Generator) -> np.ndarray:
    """One sample of a sign, its points around the origin."""
    turn, size = rng.normal(0, 0.04), rng.normal(1, 0.04)
    matrix = size * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    image = np.zeros((SIZE, SIZE), np.uint8)
    for stroke in strokes:
        points = stroke + rng.normal(0, PASSING, (1, 2)) + rng.normal(0, PASSING, stroke.shape) * _apart(stroke)
        line = _smooth(points @ matrix.T, round_off) * (SIZE - 2 * MARGIN) + SIZE / 2
        # sixteenths of a pixel
        cv2.polylines(image, [np.round(16 * line).astype(np.int32)], False, 255, THICKNESS, cv2.LINE_AA, shift=4)
    return image


def _smooth(points: np.ndarray, round_off: float) -> np.ndarray:
    """A curve through ``points``, (n, 2), after Catmull and Rom, "A class of local interpolating splines", 1974.

    ``round_off`` goes from straight lines, 0, to the full curve, 1.
    """
    padded = np.concatenate([points[:1], points, points[-1:]])
    t = np.linspace(0, 1, STEPS, endpoint=False)[:, None]
    parts = []
    for before, start, end, after in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        leave, arrive = round_off * (end - before) / 2, round_off * (after - start) / 2
        parts.append(
            (2 * t**3 - 3 * t**2 + 1) * start
            + (t**3 - 2 * t**2 + t) * leave
            + (3 * t**2 - 2 * t**3) * end
            + (t**3 - t**2) * arrive
        )
    return np.concatenate([*parts, points[-1:]])
