from dataclasses import replace

import numpy as np
import pytest

from benchmarks.simulate import (
    BALLPOINT,
    CHALK,
    CHALKBOARD,
    FINELINER,
    MARKER,
    PENCIL,
    WHITEBOARD,
    WHITEBOARD_MARKER,
    Layout,
    Paper,
    simulate_sheet,
)
from tests.benchmarks.simulate.plain import CAMERA, GLYPHS, LAYOUT, PAPER, PEN, ink, rows_fall, sheet, upright


@pytest.mark.parametrize(
    ("paper", "pen"),
    [
        *((Paper(), pen) for pen in (BALLPOINT, FINELINER, PENCIL, MARKER)),
        (WHITEBOARD, WHITEBOARD_MARKER),
        (CHALKBOARD, CHALK),
    ],
)
def test_every_pen_stands_out_from_its_ground(paper, pen):
    given = {"paper": paper, "layout": replace(LAYOUT, height=15 * pen.width)}
    taken = sheet(**given, pen=pen)
    difference, ground = ink(**given, pen=pen), np.median(upright(taken))
    for digit in taken.digits:
        left, top, right, bottom = (round(value) for value in digit.box)
        inside = difference[top:bottom, left:right]
        contrast = np.median(inside[inside > 0.5 * inside.max()]) / max(ground, inside.max())
        assert 0.15 < contrast < 0.35 if pen is PENCIL else contrast > 0.45


def test_darkness_colour_and_width_of_the_pen():
    pale = ink(pen=replace(PEN, darkness=0.3))
    assert pale.max() / ink().max() == pytest.approx(1 / 3, abs=0.02)
    red = upright(sheet(pen=replace(PEN, darkness=1.0, colour=(200, 20, 20), width=1.5)))
    assert red.reshape(-1, 3)[red[..., 1].argmin()] == pytest.approx([200, 20, 20], abs=3)
    thin, thick = ((ink(pen=replace(PEN, width=width)) > 60).mean() for width in (0.8, 1.6))
    assert 1.5 < thick / thin < 2.5


def test_pressure_and_grain_make_ink_uneven():
    even, pressed, grainy = (
        difference[difference > 60]
        for difference in (
            ink(pen=replace(PEN, width=1.5, **given)) for given in ({}, {"pressure": 0.5}, {"grain": 0.5})
        )
    )
    assert np.median(pressed) < 0.9 * np.median(even)
    assert np.median(grainy) < 0.9 * np.median(even)


def test_height_and_its_spread():
    def heights(**given):
        taken = simulate_sheet({"0": GLYPHS["0"][:1]}, ["00000"], PAPER, PEN, CAMERA, Layout(**given))
        return [digit.box[3] - digit.box[1] for digit in taken.digits]

    even = {"height": 10.0, "lean": 0.0, "jitter": 0.0}
    assert np.std(heights(**even, height_spread=0.0)) < 1
    assert np.std(heights(**even, height_spread=0.2)) > 3
    wide = replace(CAMERA, table="dark")  # the frame is the sheet's, not the writing's
    small, large = (sheet(camera=wide, layout=replace(LAYOUT, height=height)).digits[0].box for height in (6.0, 12.0))
    assert (large[3] - large[1]) / (small[3] - small[1]) == pytest.approx(2, abs=0.15)


def test_slope_and_bend_of_the_rows():
    assert rows_fall(sheet(layout=replace(LAYOUT, slope=4.0))) - rows_fall(sheet()) == pytest.approx(4, abs=1.5)
    bases = [[digit.box[3] for digit in sheet(layout=replace(LAYOUT, bend=bend)).digits[:4]] for bend in (0.0, 4.0)]
    ends, middle = ((bases[1][i] + bases[1][3 - i]) - (bases[0][i] + bases[0][3 - i]) for i in (0, 1))
    assert middle - ends > 10


def test_jitter_and_lean_move_the_digits():
    wide = replace(CAMERA, table="dark")  # the frame is the sheet's, not the writing's
    still, moved = (
        np.array([digit.centre for digit in sheet(camera=wide, layout=replace(LAYOUT, jitter=jitter)).digits])
        for jitter in (0.0, 0.1)
    )
    assert ((moved - still).std(axis=0) > 2).all()
    ones = {"1": GLYPHS["1"][:1]}
    leant = simulate_sheet(ones, ["1111"], PAPER, PEN, CAMERA, replace(LAYOUT, lean=15.0)).digits
    assert np.std([digit.box[2] - digit.box[0] for digit in leant]) > 2
