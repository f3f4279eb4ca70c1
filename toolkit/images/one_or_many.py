"""Whether a picture shows one digit or several."""

import cv2
import numpy as np

from toolkit.errors import ToolkitError
from toolkit.images.sheet import Digit, Sheet, find_rows, scan
from toolkit.images.single_digit import isolate_ink

CUT_OUT = 64  # pixels of the longer side: a smaller picture is a digit that somebody cut out
LARGE = 0.4  # of the largest one's size: what is smaller is dirt, or what a stroke left behind
LEAST = 600  # pixels of the longer side on which digits are looked for


def shows_many(grey: np.ndarray) -> bool:
    """Whether there are several digits on grey values, uint8 of shape (H, W).

    One digit may fill a picture, its strokes too wide to be taken for writing on a page: its ink is taken as a whole
    and looked at on a page three times as large. What a page shows beside that ink, in its shadows, counts as well.
    """
    if max(grey.shape) < CUT_OUT:
        return False
    try:
        ink = isolate_ink(grey)
    except ToolkitError:  # nothing stands out as one digit: pale writing, or nothing at all
        ink = np.zeros_like(grey)
    around = max(ink.shape)
    alone = cv2.copyMakeBorder(255 - ink, around, around, around, around, cv2.BORDER_CONSTANT, value=255)
    enlarge = max(1.0, LEAST / max(alone.shape))
    sheet, digits = _digits(cv2.resize(alone, None, fx=enlarge, fy=enlarge, interpolation=cv2.INTER_CUBIC))
    if sum(digit.size > LARGE * max(other.size for other in digits) for digit in digits) > 1:
        return True
    sheet, digits = _digits(grey)
    if sheet is None:
        return False
    covered = cv2.resize(ink, sheet.labels.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
    return sum(not _mostly(covered, sheet, digit) for digit in digits) > 1


def _digits(grey: np.ndarray) -> tuple[Sheet | None, list[Digit]]:
    try:
        sheet = scan(grey)
    except ToolkitError:  # too small, or full of marks
        return None, []
    return sheet, [digit for row in find_rows(sheet) for digit in row]


def _mostly(covered: np.ndarray, sheet: Sheet, digit: Digit) -> bool:
    left, top, right, bottom = digit.box
    window = slice(top, bottom), slice(left, right)
    own = np.isin(sheet.labels[window], [stroke.label for stroke in digit.strokes])
    return bool(covered[window][own].mean() > 0.5)
