"""The digits the repository ships: one real writer, reconstructed from 8x8 counts.

Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998
(CC BY 4.0), as scikit-learn's ``load_digits`` carries it: 32x32 bitmaps reduced to counts of ink pixels, 0 to 16,
in 4x4 blocks. The writers follow one another; the first one's digits all lie before image 130.
"""

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from toolkit.data.digit_folders import PER_DIGIT
from toolkit.data.labelled_images import CLASSES, LabelledImages
from toolkit.images.normal_form import normal_form

WRITER = slice(0, 130)  # a writer's block begins where the labels run 0 to 9 three times in a row
ENLARGEMENT = 16
INK, SOFTNESS = 0.47, 0.07  # share of ink at a stroke's edge, and how gradually the edge falls off


def example_sets() -> dict[str, LabelledImages]:
    """The first twelve of each digit in file order: eight to train, two to validate, two to test."""
    source = load_digits()
    counts, labels = source.images[WRITER], source.target[WRITER]
    sets = {}
    begin = 0
    for name, size in PER_DIGIT.items():
        chosen = [i for digit in range(len(CLASSES)) for i in np.flatnonzero(labels == digit)[begin : begin + size]]
        images = np.stack([normal_form(enlarge(counts[i])) for i in chosen])[:, None]
        sets[name] = LabelledImages(images, labels[chosen].astype(np.int64))
        begin += size
    return sets


def enlarge(counts: np.ndarray) -> np.ndarray:
    """Smooth ink, uint8 of shape (160, 160), bright on black, from counts 0..16 of shape (8, 8)."""
    side = (8 + 2) * ENLARGEMENT  # one empty block around: strokes at the edge end smoothly
    grey = np.pad(np.round(counts * (255 / 16)).astype(np.uint8), 1)
    smooth = np.asarray(Image.fromarray(grey).resize((side, side), Image.Resampling.BICUBIC))
    levels = np.arange(256) / 255
    soft = np.round(255 / (1 + np.exp((INK - levels) / SOFTNESS))).astype(np.uint8)
    soft[levels < INK / 3] = 0
    return soft[smooth]
