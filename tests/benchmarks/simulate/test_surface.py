from dataclasses import replace

import numpy as np
import pytest

from tests.benchmarks.simulate.plain import (
    LAYOUT,
    PAPER,
    PEN,
    assert_boxes_are_where_the_ink_is,
    blank,
    grey,
    ink,
    sheet,
)


def test_digits_stand_on_the_lines_unless_told_otherwise():
    paper = replace(PAPER, kind="ruled", line_spacing=8.0)

    def farthest(**given):
        values = blank(paper=paper, **given).mean(axis=1)
        lines = np.flatnonzero(values < values.max() - 10)
        return max(np.abs(lines + 0.5 - digit.box[3]).min() for digit in sheet(paper=paper, **given).digits)

    assert farthest() < 3
    assert farthest(layout=replace(LAYOUT, on_lines=False)) > 6


def test_ink_covers_the_lines():
    squared = replace(PAPER, kind="squared", line_spacing=5.0, line_width=1.0)
    assert_boxes_are_where_the_ink_is(paper=squared)
    black = replace(PEN, darkness=1.0, width=1.5)
    difference = ink(pen=black)
    full = difference == difference.max()
    assert (blank(paper=squared)[full] < blank()[full] - 30).any()
    np.testing.assert_allclose(grey(pen=black, paper=squared)[full], grey(pen=black)[full], atol=2)


def test_the_back_shows_through_palely():
    darkening = 1 - blank(paper=replace(PAPER, show_through=0.1)) / blank()
    assert darkening.max() == pytest.approx(0.08, abs=0.03)
    assert 0.03 < (darkening > 0.02).mean() < 0.6


def test_grain_roughens_the_paper_alone():
    assert blank(paper=replace(PAPER, grain=0.03)).std() == pytest.approx(0.03 * 235, rel=0.5)
