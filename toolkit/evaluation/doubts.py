"""Which cut images deserve a second look, and why. Nothing is changed: someone decides by looking."""

from collections import Counter
from collections.abc import Sequence

import cv2
import numpy as np
from scipy.ndimage import center_of_mass

from toolkit.data.labelled_images import LabelledImages
from toolkit.images.likeness import doubt_labels
from toolkit.images.normal_form import BOX, FAINT, MIDDLE

INK = (9.0, 75.0)  # mean grey value: 998 of 1,000 of MNIST's training digits lie between
OFF_CENTRE = 1.5  # pixels: rounding takes 0.7
ALIKE = 0.98  # cosine of two images: the same one twice, or one photo cut twice
LEAD = 0.3  # of another class's score over the label's: 0.25 to 0.4 do as well (benchmarks/label_errors.py)


def find_doubts(
    images: LabelledImages,
    probabilities: np.ndarray,
    known: Sequence[str],
    features: np.ndarray,
    names: Sequence[str] | None = None,
) -> list[list[str]]:
    """For every image the reasons to doubt it, none for most. ``probabilities``, (N, C), are a model's.

    ``known`` are the C classes that the model knows; ``features``, (N, F), what its last layer sees, of any classes.
    ``names`` tell the images apart in the sentences (their position if not given).
    """
    names = names or [str(number + 1) for number in range(len(images))]
    doubts = [_unlike_mnist(image) for image in images.images[:, 0]]
    others, leads = doubt_labels(features, images.labels, len(images.classes))
    read = np.array(known)[probabilities.argmax(axis=1)].tolist()
    pairs = list(zip(map(images.name, range(len(images))), read, strict=True))
    counted = {name: Counter(own for label, own in pairs if label == name) for name in images.classes}
    mostly = {name: count.most_common(1)[0][0] for name, count in counted.items() if count and name in known}
    for reasons, other, lead, (name, own) in zip(doubts, others, leads, pairs, strict=True):
        if lead > LEAD:
            reasons.append(f"label probably wrong, more like {images.classes[other]}")
        # rows that changed places bear each other out; a model that misreads a hand does so in one direction
        elif own != name and own == mostly.get(name) and mostly.get(own, own) != own:
            reasons.append(f"read as {own}, as most of {name} are")
    flat = images.images.reshape(len(images), -1).astype(np.float32)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1)
    for number, image in enumerate(flat):  # one by one: all at once would take the memory of their number squared
        twins = np.flatnonzero(flat @ image > ALIKE).tolist()
        doubts[number] += [f"nearly the same as {names[twin]}" for twin in twins if twin != number]
    return doubts


def _unlike_mnist(image: np.ndarray) -> list[str]:
    reasons = []
    ink = float(image.mean())
    if not INK[0] <= ink <= INK[1]:
        reasons.append("very little ink" if ink < INK[0] else "very much ink")
    inked = image > max(FAINT * int(image.max()), 40)  # JPEG leaves ripples around the strokes
    if not inked.any():
        return ["no ink"]
    side = max(cv2.boundingRect(inked.astype(np.uint8))[2:])
    if not BOX - 2 <= side <= BOX + 1:
        reasons.append(f"{side} pixels long, MNIST's are {BOX}")
    if max(abs(value - MIDDLE) for value in center_of_mass(image)) > OFF_CENTRE:
        reasons.append("off centre")
    return reasons
