"""How alike images are, pixel by pixel: what one writer's own images say of one another, without any model."""

from collections.abc import Iterator

import cv2
import numpy as np

BLUR = 1.0  # pixels, standard deviation: strokes that lie a little beside each other still meet
NEAREST = 3  # images of a class that speak for it
BLOCK = 500  # images compared with all others at once


def similarities(images: np.ndarray, blur: float = 0.0) -> Iterator[tuple[int, np.ndarray]]:
    """Cosines between images, uint8 (N, 1, 28, 28), ``BLOCK`` rows at a time: the first row's number, float32 (B, N).

    An image has no likeness to itself: -1.
    """
    flat = images[:, 0].astype(np.float32)
    if blur:
        flat = np.stack([cv2.GaussianBlur(image, (0, 0), blur) for image in flat])
    flat = flat.reshape(len(flat), -1)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1)
    for begin in range(0, len(flat), BLOCK):
        block = flat[begin : begin + BLOCK] @ flat.T
        np.fill_diagonal(block[:, begin:], -1)
        yield begin, block


def likeness_to_classes(images: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """How like each image is to the others of every class: float32 (N, C), the mean of the three nearest.

    -1 for a class without others. With the 14 writers of scikit-learn's digits, 13 of each, the likeliest class was
    the right one for 97.9 % of images.
    """
    likeness = np.full((len(images), classes), -1, np.float32)
    members = [np.flatnonzero(labels == label) for label in range(classes)]
    for begin, block in similarities(images, BLUR):
        for label, places in enumerate(members):
            near = np.sort(block[:, places], axis=1)[:, ::-1][:, :NEAREST]
            counted = near > -1  # all but the image itself
            likeness[begin : begin + len(block), label] = np.where(
                counted.any(axis=1), (near * counted).sum(axis=1) / np.maximum(counted.sum(axis=1), 1), -1
            )
    return likeness
