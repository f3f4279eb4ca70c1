"""The writers of the digits the repository ships, reconstructed from 8x8 counts.

Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998
(CC BY 4.0), as scikit-learn's ``load_sets`` carries it: 32x32 bitmaps reduced to counts of ink pixels, 0 to 16,
in 4x4 blocks. The writers follow one another, each with a form of the same 130 digits, from which a few images
are missing. The file does not name them; its authors speak of 13, but there are 14 forms.
"""

from math import comb

import numpy as np
from PIL import Image
from scipy.ndimage import convolve1d
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
BLOCKS, BLOCK = 8, 4  # a bitmap of 32x32 is counted in 8x8 blocks of 4x4 pixels
SMOOTHING = 8  # order of the binomial filter: a standard deviation of 1.4 pixels, a third of a stroke's width


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
    images = np.stack([normal_form(bitmap * np.uint8(255)) for bitmap in bitmaps(counts)])
    return LabelledImages(images[:, None], labels.astype(np.int64), DIGITS)


def _form(writer: int) -> tuple[np.ndarray, np.ndarray]:
    """Counts, shape (N, 8, 8), and labels, shape (N,), of one writer's form."""
    if writer not in range(WRITERS):
        raise ToolkitError(f"There is no writer {writer}. Choose 0 to {WRITERS - 1}.")
    source = load_digits()
    part = slice(FORMS[writer], FORMS[writer + 1])
    return source.images[part], source.target[part]


def bitmaps(counts: np.ndarray) -> np.ndarray:
    """Smooth bitmaps, bool of shape (N, 32, 32), that give back counts 0..16 of shape (N, 8, 8) to the pixel.

    In every block as many pixels are ink as its count says, those where a smoothed image is brightest: the enlarged
    counts to begin with, then the bitmap itself until it stays. After Merriman, Bence and Osher, "Diffusion generated
    motion by mean curvature", 1992, whose threshold is here what the count of each block makes it. All sums are of
    integers, so that every machine draws the same bitmaps.
    """
    drawn = _brightest(np.stack([_enlarged(count, BLOCK)[BLOCK:-BLOCK, BLOCK:-BLOCK] for count in counts]), counts)
    while True:
        smoother = _brightest(_smoothed(drawn), counts)
        if (smoother == drawn).all():
            return drawn
        drawn = smoother


def _brightest(images: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The brightest pixels of every block of (N, 32, 32), as many as its count; of equal ones the first."""
    blocks = images.reshape(-1, BLOCKS, BLOCK, BLOCKS, BLOCK).swapaxes(2, 3)
    pixels = blocks.reshape(-1, BLOCKS, BLOCKS, BLOCK**2)
    order = np.argsort(-pixels.astype(np.int64), axis=-1, kind="stable")
    ranks = np.argsort(order, axis=-1, kind="stable")
    return (ranks < counts[..., None]).reshape(blocks.shape).swapaxes(2, 3).reshape(images.shape)


def _smoothed(images: np.ndarray) -> np.ndarray:
    """Images of shape (N, H, W) through a binomial filter along both axes, not divided by its sum."""
    kernel = [comb(SMOOTHING, place) for place in range(SMOOTHING + 1)]
    for axis in (1, 2):
        images = convolve1d(images.astype(np.int64), kernel, axis=axis, mode="constant")
    return images


def enlarge(counts: np.ndarray, softness: float = SOFTNESS) -> np.ndarray:
    """Smooth ink, uint8 of shape (160, 160), bright on black, from counts 0..16 of shape (8, 8)."""
    smooth = _enlarged(counts, ENLARGEMENT)
    levels = np.arange(256) / 255
    soft = np.round(255 / (1 + np.exp((INK - levels) / softness))).astype(np.uint8)
    soft[levels < INK / 3] = 0
    return soft[smooth]


def _enlarged(counts: np.ndarray, times: int) -> np.ndarray:
    """Counts, and an empty block around so that strokes at the edge end smoothly, as grey levels, larger."""
    grey = np.pad(np.round(counts * (255 / 16)).astype(np.uint8), 1)
    side = grey.shape[0] * times
    return np.asarray(Image.fromarray(grey).resize((side, side), Image.Resampling.BICUBIC))
