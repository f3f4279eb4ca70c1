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

    def unslope(slope: float, fan: float) -> np.ndarray:
        return y - x * (slope + fan * y / spread)

    def tightness(level: np.ndarray) -> float:
        counts = np.bincount(((level - level.min()) / (NEAR * height)).astype(int)).astype(float)
        return float((counts * counts).sum() + (counts[1:] * counts[:-1]).sum())

    # of equally tight arrangements the least tilted one
    trials = [(tightness(unslope(s, f)) * (1 - TILT * (abs(s) + abs(f))), s, f) for s in SLOPES for f in FANS]
    _, slope, fan = max(trials)
    level = unslope(slope, fan)
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
