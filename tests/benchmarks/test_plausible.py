from dataclasses import replace

import numpy as np
import pytest

from benchmarks.plausible import conditions
from benchmarks.simulate import (
    CHALKBOARD,
    WHITEBOARD,
    simulate_sheet,
)
from tests.benchmarks.simulate.plain import GLYPHS, ROWS, upright


def test_drawn_conditions_are_plausible_and_cover_everything():
    drawn = [conditions(seed) for seed in range(300)]
    assert drawn == [conditions(seed) for seed in range(300)]
    papers, _, cameras, _ = zip(*drawn, strict=True)
    assert {paper.kind for paper in papers} == {"plain", "ruled", "squared"}
    assert {paper.size for paper in papers} == {(210.0, 297.0), (297.0, 210.0), WHITEBOARD.size, CHALKBOARD.size}
    assert {camera.table for camera in cameras} == {"dark", "wood", "light", None}
    assert {1, 3, 6, 8, None} <= {camera.orientation for camera in cameras}
    assert {camera.quarter_turns for camera in cameras} == {0, 1, 2, 3}
    assert max(abs(camera.turn) for camera in cameras) <= 15
    assert min(camera.megapixels for camera in cameras) < 1 < 12 < max(camera.megapixels for camera in cameras)
    for paper, pen, camera, layout in drawn:
        assert camera.orientation is None or camera.quarter_turns == 0
        scale = 0.8 * np.sqrt(camera.megapixels * 1e6 / (paper.size[0] * paper.size[1]))
        assert layout.height * scale > 21
        assert pen.width * scale > 0.85
        assert camera.blur < 0.5 * pen.width * scale


@pytest.mark.parametrize("seed", [4, 19, 55])
def test_drawn_photos_can_be_taken(seed):
    paper, pen, camera, layout = conditions(seed, ROWS)
    camera = replace(camera, megapixels=0.2)
    taken = simulate_sheet(GLYPHS, ROWS, paper, pen, camera, layout, seed)
    height, width = upright(taken).shape[:2]
    assert len(taken.digits) == 12
    for digit in taken.digits:
        left, top, right, bottom = digit.box
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
