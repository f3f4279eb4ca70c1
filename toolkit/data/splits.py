"""Dividing images into parts, the same on every machine."""

import numpy as np
from sklearn.model_selection import train_test_split

from toolkit.data.image_sets import PER_DIGIT
from toolkit.data.labelled_images import CLASSES, LabelledImages
from toolkit.errors import ToolkitError


def hold_out(digits: LabelledImages, size: int, seed: int) -> tuple[LabelledImages, LabelledImages]:
    """Split off ``size`` images, stratified by label; returns (the rest, the held-out part)."""
    if not 10 <= size <= len(digits) - 10:
        raise ToolkitError(
            f"Cannot hold out {size} of {len(digits)} images: expected 10 to {len(digits) - 10}. Choose another size."
        )
    rest, held_out = train_test_split(np.arange(len(digits)), test_size=size, random_state=seed, stratify=digits.labels)
    return digits.take(np.sort(rest)), digits.take(np.sort(held_out))


def draw_per_digit(digits: LabelledImages, count: int, seed: int) -> tuple[LabelledImages, LabelledImages]:
    """Draw ``count`` images of every digit; returns (the drawn ones, the rest), each in the order given.

    Raises ``ToolkitError`` when that leaves no image of some digit.
    """
    least = int(digits.class_counts().min())
    if not 1 <= count < least:
        raise ToolkitError(f"Cannot draw {count} of each digit and leave some: the rarest has {least}. Draw fewer.")
    draw = np.random.default_rng(seed)
    members = [np.flatnonzero(digits.labels == digit) for digit in range(len(CLASSES))]
    drawn = np.concatenate([draw.permutation(places)[:count] for places in members])
    rest = np.setdiff1d(np.arange(len(digits)), drawn)
    return digits.take(np.sort(drawn)), digits.take(rest)


def assign_sets(labels: np.ndarray, seed: int) -> list[np.ndarray]:
    """Draw Training, Validation and Test Set: for each the indices of its images, ordered by label.

    Raises ``ToolkitError`` when there are not enough images of a digit; some may be left over.
    """
    needed = sum(PER_DIGIT.values())
    counts = np.bincount(labels, minlength=len(CLASSES))
    lacking = [f"{digit}: {count}" for digit, count in zip(CLASSES, counts, strict=True) if count < needed]
    if lacking:
        raise ToolkitError(
            f"The three sets need {needed} images of every digit, but there are too few ({', '.join(lacking)}). "
            "Write more of them and name all photos together."
        )
    draw = np.random.default_rng(seed)
    shuffled = [draw.permutation(np.flatnonzero(labels == digit)) for digit in range(len(CLASSES))]
    ends = np.cumsum(list(PER_DIGIT.values()))
    return [
        np.concatenate([np.sort(members[end - size : end]) for members in shuffled])
        for size, end in zip(PER_DIGIT.values(), ends, strict=True)
    ]
