"""Which cut images deserve a second look, and why. Nothing is changed: someone decides by looking."""

from collections.abc import Sequence

import cv2
import numpy as np
from scipy.ndimage import center_of_mass

from toolkit.data.labelled_images import LabelledImages
from toolkit.images.likeness import likeness_to_classes, similarities
from toolkit.images.normal_form import BOX, FAINT, MIDDLE

INK = (9.0, 75.0)  # mean grey value: 998 of 1,000 of MNIST's training digits lie between
OFF_CENTRE = 1.5  # pixels: rounding takes 0.7
SURE = 0.9  # probability from which a model that reads another class contradicts the label
ALIKE = 0.98  # cosine of two images: the same one twice, or one photo cut twice
# by which an image is liker to another class than to its own: of 1,797 digits of 14 writers 0.3 % are, of wrongly
# labelled ones 94 %
LIKER = 0.05


def find_doubts(
    images: LabelledImages, probabilities: np.ndarray, known: Sequence[str], names: Sequence[str] | None = None
) -> list[list[str]]:
    """For every image the reasons to doubt it, none for most. ``probabilities``, (N, C), are a model's.

    ``known`` are the C classes that the model knows; of others, the writer's own images of all classes tell.
    ``names`` tell the images apart in the sentences (their position if not given).
    """
    names = names or [str(number + 1) for number in range(len(images))]
    doubts = [_unlike_mnist(image) for image in images.images[:, 0]]
    strange = not set(images.classes) <= set(known)
    likeness = likeness_to_classes(images.images, images.labels, len(images.classes)) if strange else None
    for number, (reasons, label, chances) in enumerate(zip(doubts, images.labels, probabilities, strict=True)):
        if images.classes[label] in known:
            read = known[int(chances.argmax())]
            if read in images.classes and read != images.classes[label] and chances.max() >= SURE:
                reasons.append(f"read as {read} ({100 * chances.max():.0f} % sure)")
        elif likeness is not None:
            other = int(likeness[number].argmax())
            if likeness[number, label] > -1 and likeness[number, other] - likeness[number, label] > LIKER:
                reasons.append(f"liker to the others of {images.classes[other]}")
    for begin, block in similarities(images.images):
        for i, j in np.argwhere(block > ALIKE):
            doubts[begin + i].append(f"nearly the same as {names[j]}")
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
