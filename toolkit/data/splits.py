"""Dividing images into parts, the same on every machine."""

import numpy as np
from sklearn.model_selection import train_test_split

from toolkit.data.labelled_images import LabelledImages
from toolkit.errors import ToolkitError


def hold_out(digits: LabelledImages, size: int, seed: int) -> tuple[LabelledImages, LabelledImages]:
    """Split off ``size`` images, stratified by label; returns (the rest, the held-out part)."""
    if not 10 <= size <= len(digits) - 10:
        raise ToolkitError(
            f"Cannot hold out {size} of {len(digits)} images: expected 10 to {len(digits) - 10}. Choose another size."
        )
    rest, held_out = train_test_split(np.arange(len(digits)), test_size=size, random_state=seed, stratify=digits.labels)
    return digits.take(np.sort(rest)), digits.take(np.sort(held_out))
