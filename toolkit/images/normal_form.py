"""MNIST's normal form: the same for every digit, wherever it comes from.

LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", 1998, section
III.A: the digit is scaled to fit 20x20 with its aspect kept, anti-aliased, and laid into 28x28 so that its
centre of mass is in the middle. Which pixel that is, and how faint ink may be, was read off MNIST itself: with
these constants 85 % of its test images come out byte for byte as they went in (docs/data.md).
"""

import numpy as np
from PIL import Image

from toolkit.errors import NothingWrittenError

SIDE = 28
BOX = 20
MIDDLE = 14.0  # where MNIST has the centre of mass, counting pixels from 0: half a pixel off the true middle
FAINT = 0.05  # share of the brightest pixel below which a pixel does not count as ink for the box


def normal_form(ink: np.ndarray) -> np.ndarray:
    """Bring one digit, ink bright on black, uint8 of shape (H, W), into uint8 of shape (28, 28).

    The brightest pixel becomes 255. Raises ``NothingWrittenError`` when there is no ink, or so little that
    none is left at this size.
    """
    peak = int(ink.max(initial=0))
    inked = ink > FAINT * peak
    if not inked.any():
        raise NothingWrittenError("There is no ink in this image. Expected one digit, bright on black.")
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    box = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = BOX / max(box.shape)
    height, width = (max(1, round(scale * length)) for length in box.shape)
    # Pillow widens the bicubic filter when it shrinks, which is the anti-aliasing, and computes it in integers,
    # so every machine gets the same bytes
    scaled = np.asarray(Image.fromarray(box).resize((width, height), Image.Resampling.BICUBIC))
    if scaled.max() == 0:
        raise NothingWrittenError("There is only dust in this image, no ink. Expected one digit, bright on black.")
    scaled = np.round(scaled * (255 / int(scaled.max()))).astype(np.uint8)
    canvas = np.zeros((SIDE, SIDE), np.uint8)
    top, left = _centred(scaled.sum(axis=1)), _centred(scaled.sum(axis=0))
    canvas[top : top + height, left : left + width] = scaled
    return canvas


def _centred(weights: np.ndarray) -> int:
    """Where the box must begin for its centre of mass to fall on the middle, without leaving the image."""
    centre = float((weights * np.arange(len(weights))).sum() / weights.sum())
    return int(np.clip(round(MIDDLE - centre), 0, SIDE - len(weights)))
