"""One digit in a photo or drawing: whether it is one, and its ink taken off the background."""

import cv2
import numpy as np

from toolkit.errors import NothingWrittenError, ToolkitError
from toolkit.images.sheet import Digit, Sheet, find_rows, scan

WORKING_SIDE = 640  # pixels: enough for one digit, and quick
SMALLEST_CONTRAST = 25  # grey levels between paper and ink, below which there is only noise
ALONG_BORDER = 0.2  # of the image's border; what touches more of it is rather an edge than a digit
SPECK = 0.03  # of the largest stroke's area; smaller ones are dirt
CUT_OUT = 64  # pixels of the longer side: a smaller picture is a digit that somebody cut out
QUICK_SIDE = 200  # the same, of ink taken as a whole: enough to see whether it is one
LARGE = 0.4  # of the largest one's size: what is smaller may be dirt
PIECES = 3  # one digit may leave behind when it is taken for writing on a page


def isolate_ink(grey: np.ndarray) -> np.ndarray:
    """The digit's ink, bright on black, uint8, from grey values, uint8 of shape (H, W).

    Paper may be lit unevenly, and either side may be the darker one: what lies along the border is taken for
    background. Larger images are shrunk first. Raises ``NothingWrittenError`` when nothing stands out.
    """
    shrink = WORKING_SIDE / max(grey.shape)
    if shrink < 1:
        size = [max(1, round(shrink * length)) for length in reversed(grey.shape)]
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    if light_on_dark(grey):
        grey = 255 - grey
    contrast = _background(grey).astype(np.int16) - grey
    contrast = np.clip(contrast, 0, 255).astype(np.uint8)
    threshold, inked = cv2.threshold(contrast, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    if contrast.max() < SMALLEST_CONTRAST:
        raise NothingWrittenError(
            "No digit stands out from the background. Expected dark ink on light paper or the reverse; "
            "write it larger or take the photo closer."
        )
    strokes = _without_dirt(inked > 0)
    # grey values of the strokes and of their soft edges, full ink at what is typical inside
    near = cv2.dilate(strokes.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    full = np.percentile(contrast[strokes], 60)
    paper = threshold / 3  # the foot of the edge
    ink = np.clip((contrast - paper) / max(1.0, full - paper), 0, 1)
    return np.where(near, np.round(255 * ink), 0).astype(np.uint8)


def light_on_dark(grey: np.ndarray) -> bool:
    """Whether what differs most from the border of grey values, uint8 (H, W), is lighter than it."""
    ground = np.median(_border(grey))
    darkest, brightest = np.percentile(grey, [0.5, 99.5])
    return bool(brightest - ground > ground - darkest)


def _border(image: np.ndarray) -> np.ndarray:
    return np.concatenate([image[0], image[-1], image[1:-1, 0], image[1:-1, -1]])


def _background(grey: np.ndarray) -> np.ndarray:
    """Paper without ink: closing fills what is darker and thinner than half the image, blurring smooths."""
    if min(grey.shape) < 64:  # a small image has no room for shadows
        return np.full_like(grey, int(np.median(_border(grey))))
    side = (min(grey.shape) // 2) | 1
    small = cv2.resize(grey, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side // 4 | 1, side // 4 | 1))
    closed = cv2.GaussianBlur(cv2.morphologyEx(small, cv2.MORPH_CLOSE, kernel), (0, 0), side / 16)
    return cv2.resize(closed, grey.shape[::-1], interpolation=cv2.INTER_LINEAR)


def _without_dirt(inked: np.ndarray) -> np.ndarray:
    """Keep the strokes; leave out specks, and what runs along the border (a table's edge) unless it is all."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inked.astype(np.uint8), connectivity=8)
    border = _border(labels)
    along_border = np.bincount(border, minlength=count) > ALONG_BORDER * len(border)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0  # the background
    inner = np.where(along_border, 0, areas)
    if inner.max() > SPECK * areas.max():
        areas = inner
    return np.isin(labels, np.flatnonzero(areas > SPECK * areas.max()))


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
    scale = QUICK_SIDE / max(ink.shape)
    small = cv2.resize(ink, [max(1, round(scale * length)) for length in ink.shape[::-1]], interpolation=cv2.INTER_AREA)
    whole, alone = _digits(np.pad(255 - small, 2 * QUICK_SIDE, constant_values=255))
    largest = max((digit.box.size for digit in alone), default=0)
    if len(alone) > PIECES or sum(digit.box.size > LARGE * largest for digit in alone) > 1:
        return True
    sheet, digits = _digits(255 - grey if light_on_dark(grey) else grey)
    if sheet is None or whole is None or not alone:
        return len(digits) > 1
    taken = _ink(whole, *alone)[2 * QUICK_SIDE : -2 * QUICK_SIDE, 2 * QUICK_SIDE : -2 * QUICK_SIDE].astype(np.uint8)
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
