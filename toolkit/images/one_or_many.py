"""Whether a picture shows one digit or several."""

import cv2
import numpy as np

from toolkit.errors import ToolkitError
from toolkit.images.sheet import Digit, Sheet, find_rows, scan
from toolkit.images.single_digit import isolate_ink, light_on_dark

CUT_OUT = 64  # pixels of the longer side: a smaller picture is a digit that somebody cut out
SIDE = 200  # the same, of ink taken as a whole: quick, and enough to see whether it is one
LARGE = 0.4  # of the largest one's size: what is smaller may be dirt
PIECES = 3  # one digit may leave behind when it is taken for writing on a page


def shows_many(grey: np.ndarray) -> bool:
    """Whether there are several digits on grey values, uint8 of shape (H, W).

    One digit may fill a picture, with strokes too wide for writing on a page. So its ink is taken as a whole first, and
    looked at on a page five times as large; what the picture shows beside that ink, in shadows, counts as well.
    """
    if max(grey.shape) < CUT_OUT:
        return False
    try:
        ink = isolate_ink(grey)
    except ToolkitError:  # nothing stands out: pale writing, or none
        ink = np.zeros_like(grey)
    scale = SIDE / max(ink.shape)
    small = cv2.resize(ink, [max(1, round(scale * length)) for length in ink.shape[::-1]], interpolation=cv2.INTER_AREA)
    whole, alone = _digits(np.pad(255 - small, 2 * SIDE, constant_values=255))
    largest = max((digit.box.size for digit in alone), default=0)
    if len(alone) > PIECES or sum(digit.box.size > LARGE * largest for digit in alone) > 1:
        return True
    sheet, digits = _digits(255 - grey if light_on_dark(grey) else grey)
    if sheet is None or whole is None or not alone:
        return len(digits) > 1
    taken = _ink(whole, *alone)[2 * SIDE : -2 * SIDE, 2 * SIDE : -2 * SIDE].astype(np.uint8)
    covered = cv2.resize(taken, sheet.labels.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
    return sum(bool(covered[_ink(sheet, digit)].mean() < 0.5) for digit in digits) > 1


def _ink(sheet: Sheet, *digits: Digit) -> np.ndarray:
    """The working pixels of digits, bool (h, w)."""
    return np.isin(sheet.labels, [stroke.label for digit in digits for stroke in digit.strokes])


def _digits(grey: np.ndarray) -> tuple[Sheet | None, list[Digit]]:
    try:
        sheet = scan(grey)
    except ToolkitError:  # too small, or full of marks
        return None, []
    return sheet, [digit for row in find_rows(sheet) for digit in row]
