"""Which cut digits deserve a second look, and why. Nothing is changed: someone decides by looking."""

from collections.abc import Sequence

import numpy as np

from toolkit.data.labelled_images import LabelledImages
from toolkit.images.normal_form import BOX, FAINT, MIDDLE

INK = (9.0, 75.0)  # mean grey value: 998 of 1,000 of MNIST's training digits lie between
OFF_CENTRE = 1.5  # pixels: rounding takes 0.7
SURE = 0.9  # probability from which a model that reads another digit contradicts the label
ALIKE = 0.98  # cosine of two images: the same digit twice, or one photo cut twice


def find_doubts(
    digits: LabelledImages, probabilities: np.ndarray, names: Sequence[str] | None = None
) -> list[list[str]]:
    """For every image the reasons to doubt it, none for most. ``probabilities`` is a model's (N, 10).

    ``names`` tell the images apart in the sentences (their position if not given).
    """
    names = names or [str(number + 1) for number in range(len(digits))]
    doubts = [_unlike_mnist(image) for image in digits.images[:, 0]]
    for reasons, label, chances in zip(doubts, digits.labels, probabilities, strict=True):
        read = int(chances.argmax())
        if read != label and chances[read] >= SURE:
            reasons.append(f"read as {read} ({100 * chances[read]:.0f} % sure)")
    flat = digits.images.reshape(len(digits), -1).astype(np.float64)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1)
    for i, j in np.argwhere(np.triu(flat @ flat.T, 1) > ALIKE):
        doubts[i].append(f"nearly the same as {names[j]}")
        doubts[j].append(f"nearly the same as {names[i]}")
    return doubts


def _unlike_mnist(image: np.ndarray) -> list[str]:
    reasons = []
    ink = float(image.mean())
    if not INK[0] <= ink <= INK[1]:
        reasons.append("very little ink" if ink < INK[0] else "very much ink")
    inked = image > max(FAINT * int(image.max()), 40)  # JPEG leaves ripples around the strokes
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    if not len(rows):
        return ["no ink"]
    side = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    if not BOX - 2 <= side <= BOX + 1:
        reasons.append(f"{side} pixels long, MNIST's are {BOX}")
    weights = image.astype(np.float64) / image.sum()
    centre = (weights.sum(axis=1) @ np.arange(28), weights.sum(axis=0) @ np.arange(28))
    if max(abs(value - MIDDLE) for value in centre) > OFF_CENTRE:
        reasons.append("off centre")
    return reasons
