"""Rows of digits in reading order, also when the sheet was turned, seen at an angle, or written uphill."""

import numpy as np

SLOPES = np.tan(np.radians(np.arange(-25, 25.1, 0.5)))  # of a row: beyond, the sheet counts as turned by a quarter
FANS = np.arange(-0.3, 0.31, 0.05)  # how much the slope changes from the top of the sheet to its bottom
NEAR = 0.35  # of a digit's height: how far the digits of a row may lie off their line while lines are sought
APART = 0.55  # of a digit's height: the least step from one row to the next
TILT = 0.2  # of the tightness is taken off for a slope of 1
CURVED = 6  # digits that a row must have to be given a curve
ROUNDS = 4


def arrange(centres: np.ndarray, heights: np.ndarray) -> list[list[int]]:
    """Indices of the digits, row by row from top to bottom, each from left to right.

    ``centres`` is (n, 2), x and y in pixels with y downwards; ``heights`` (n,). Lines of one direction are sought
    first, fanning out as perspective makes them; then each row gets a curve of its own, for rows that bend.
    """
    if not len(centres):
        return []
    height = float(np.median(heights))
    middle = centres.mean(axis=0)
    x, y = (centres - middle).T
    spread = max(float(np.ptp(y)), height)

    slopes, fans = (grid.reshape(-1, 1) for grid in np.meshgrid(SLOPES, FANS, indexing="ij"))
    levels = y - x * (slopes + fans * y / spread)
    places = ((levels - levels.min(axis=1, keepdims=True)) / (NEAR * height)).astype(int)
    width = int(places.max()) + 1
    places += width * np.arange(len(places))[:, None]
    counts = np.bincount(places.ravel(), minlength=width * len(places)).reshape(-1, width).astype(float)
    tightness = (counts * counts).sum(axis=1) + (counts[:, 1:] * counts[:, :-1]).sum(axis=1)
    # of equally tight arrangements the least tilted one
    trials = zip(tightness * (1 - TILT * (abs(slopes) + abs(fans)))[:, 0], slopes[:, 0], fans[:, 0], strict=True)
    _, slope, fan = max(trials)
    level = y - x * (slope + fan * y / spread)
    rows = _split(level, APART * height)
    for _ in range(ROUNDS):
        refined = _split_again(x, level, rows, height)
        if refined == rows:
            break
        rows = refined
    order = np.argsort(np.argsort(x + slope * y))
    rows = [sorted(row, key=lambda i: order[i]) for row in rows]
    return sorted(rows, key=lambda row: float(level[row].mean()))


def _split(level: np.ndarray, gap: float) -> list[list[int]]:
    order = np.argsort(level)
    cuts = np.flatnonzero(np.diff(level[order]) > gap) + 1
    return [part.tolist() for part in np.split(order, cuts)]


def _split_again(x: np.ndarray, level: np.ndarray, rows: list[list[int]], height: float) -> list[list[int]]:
    """Give every digit to the row whose curve passes nearest, then part rows that hold two levels.

    A row bends further than its neighbours are apart in level: its ends may have been taken for rows of their own.
    """
    off = np.full((len(rows), len(x)), np.inf)
    for number, row in enumerate(rows):
        curve = np.polyfit(x[row], level[row], 2 if len(row) >= CURVED else 0)
        off[number] = level - np.polyval(curve, x)
        if len(row) < CURVED:  # too few to tell where the row runs beyond them
            off[number, np.setdiff1d(np.arange(len(x)), row)] = np.inf
            off[number, row] += height / 2  # rather part of a long row nearby
    nearest = np.abs(off).argmin(axis=0)
    refined = []
    for number in range(len(rows)):
        members = np.flatnonzero(nearest == number)
        if len(members):
            refined += [members[part].tolist() for part in _split(off[number][members], APART * height)]
    return refined
