"""The writers of the digits the repository ships, reconstructed from 8x8 counts.

Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998
(CC BY 4.0), as scikit-learn's ``load_sets`` carries it: 32x32 bitmaps reduced to counts of ink pixels, 0 to 16,
in 4x4 blocks. The writers follow one another, each with a form of the same 130 digits, from which a few images
are missing. The file does not name them; its authors speak of 13, but there are 14 forms.
"""

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from toolkit.classes import DIGITS
from toolkit.data.labelled_images import LabelledImages
from toolkit.errors import ToolkitError
from toolkit.images.normal_form import normal_form

# where a form begins: the labels run 0 to 9 three times in a row, but for a 0 missing at 906, a 7 and an 8 after 1545
FORMS = (0, 130, 256, 386, 516, 646, 776, 906, 1029, 1157, 1287, 1415, 1545, 1667, 1797)
WRITERS = len(FORMS) - 1
ENLARGEMENT = 16
INK, SOFTNESS = 0.47, 0.07  # share of ink at a stroke's edge, and how gradually the edge falls off
MNIST_SOFTNESS = 0.1  # edges as soft as MNIST's: its pixels' standard deviation is 78, these 80, with 0.07 83


def writer_ink(writer: int) -> dict[str, list[np.ndarray]]:
    """The digits of writer 0 to 13 in file order, for each label ink as ``enlarge`` gives it.

    Mostly 13 of each, sometimes 12 or 14, but of writer 7 only 10 zeros and 11 eights, of writer 8 only 11 twos, of
    writer 12 only 11 twos and 9 eights. Writer 0 wrote the digits that the repository ships. Raises
    ``ToolkitError`` for a writer that does not exist.
    """
    counts, labels = _form(writer)
    return {name: [enlarge(count) for count in counts[labels == digit]] for digit, name in enumerate(DIGITS)}


def writer_digits(writer: int) -> LabelledImages:
    """All digits of writer 0 to 13 in normal form, in file order: 122 to 130 images, mostly 13 of each digit.

    Raises ``ToolkitError`` for a writer that does not exist.
    """
    counts, labels = _form(writer)
    images = np.stack([normal_form(enlarge(count, MNIST_SOFTNESS)) for count in counts])
    return LabelledImages(images[:, None], labels.astype(np.int64), DIGITS)


def _form(writer: int) -> tuple[np.ndarray, np.ndarray]:
    """Counts, shape (N, 8, 8), and labels, shape (N,), of one writer's form."""
    if writer not in range(WRITERS):
        raise ToolkitError(f"There is no writer {writer}. Choose 0 to {WRITERS - 1}.")
    source = load_digits()
    part = slice(FORMS[writer], FORMS[writer + 1])
    return source.images[part], source.target[part]


def enlarge(counts: np.ndarray, softness: float = SOFTNESS) -> np.ndarray:
    """Smooth ink, uint8 of shape (160, 160), bright on black, from counts 0..16 of shape (8, 8)."""
    side = (8 + 2) * ENLARGEMENT  # one empty block around: strokes at the edge end smoothly
    grey = np.pad(np.round(counts * (255 / 16)).astype(np.uint8), 1)
    smooth = np.asarray(Image.fromarray(grey).resize((side, side), Image.Resampling.BICUBIC))
    levels = np.arange(256) / 255
    soft = np.round(255 / (1 + np.exp((INK - levels) / softness))).astype(np.uint8)
    soft[levels < INK / 3] = 0
    return soft[smooth]
