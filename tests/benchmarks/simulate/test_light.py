from dataclasses import replace

import numpy as np
import pytest

from tests.benchmarks.simulate.plain import CAMERA, blank, sheet, upright


def test_exposure_darkens_evenly():
    np.testing.assert_allclose(blank(camera=replace(CAMERA, exposure=0.5)) / blank(), 0.5, atol=0.01)


def test_warmth_takes_blue_and_cold_takes_red():
    warm, cold = (upright(sheet(camera=replace(CAMERA, warmth=warmth))).mean(axis=(0, 1)) for warmth in (0.8, -0.8))
    plain = upright(sheet()).mean(axis=(0, 1))
    assert warm[2] / plain[2] < 0.75 < warm[0] / plain[0]
    assert cold[0] / plain[0] < 0.85 < cold[2] / plain[2]


def test_the_light_falls_off_from_one_side_to_the_other():
    ratio = blank(camera=replace(CAMERA, gradient=0.4)) / blank()
    assert ratio.min() == pytest.approx(0.6, abs=0.02)
    assert ratio.max() == pytest.approx(1, abs=0.02)
    assert ratio[200, 150] == pytest.approx(0.8, abs=0.02)


def test_vignetting_takes_light_from_the_corners():
    ratio = blank(camera=replace(CAMERA, vignetting=0.4)) / blank()
    for corner in (ratio[0, 0], ratio[0, -1], ratio[-1, 0], ratio[-1, -1]):
        assert corner == pytest.approx(0.6, abs=0.02)
    assert ratio[200, 150] == pytest.approx(1, abs=0.01)


def test_a_shadow_lies_over_a_part_with_a_hard_or_soft_edge():
    hard, soft = (blank(camera=replace(CAMERA, shadow=0.5, shadow_edge=edge)) / blank() for edge in (0.003, 0.1))
    assert hard.min() == pytest.approx(0.5, abs=0.02)
    assert 0.05 < (hard < 0.75).mean() < 0.7
    assert np.abs(np.diff(hard, axis=1)).max() > 0.15
    assert np.abs(np.diff(soft, axis=1)).max() < 0.05
