import re
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.simulate import (
    Camera,
    save_photo,
    simulate_sheet,
)
from tests.benchmarks.simulate.plain import CAMERA, GLYPHS, LAYOUT, PAPER, PEN, sheet
from toolkit.errors import ToolkitError


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    given = {
        "paper": replace(PAPER, grain=0.02, show_through=0.05),
        "camera": Camera(megapixels=0.1, table="wood", shadow=0.3),
    }
    files = []
    for name, seed in (("a.jpg", 5), ("b.jpg", 5), ("c.jpg", 6)):
        save_photo(sheet(**given, seed=seed), tmp_path / name)
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1]
    assert files[0] != files[2]


def test_digits_are_listed_in_reading_order():
    digits = sheet(rows=("01", "234")).digits
    assert [(digit.row, digit.column, digit.label) for digit in digits] == [
        (0, 0, "0"),
        (0, 1, "1"),
        (1, 0, "2"),
        (1, 1, "3"),
        (1, 2, "4"),
    ]
    assert digits[0].centre[0] < digits[1].centre[0]
    assert digits[0].centre[1] < digits[2].centre[1]


def test_a_writers_glyphs_are_used_in_order_and_again_when_they_run_out():
    two = {"1": GLYPHS["1"][:2]}
    first, second, third = (digit.box for digit in simulate_sheet(two, ["111"], PAPER, PEN, CAMERA, LAYOUT).digits)
    assert third[2] - third[0] == pytest.approx(first[2] - first[0], abs=0.5)
    assert abs((second[2] - second[0]) - (first[2] - first[0])) > 1.5


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rows": ()}, "Nothing is to be written"),
        ({"rows": ("12a",)}, "no glyph for a"),
        ({"paper": replace(PAPER, kind="dotted")}, "Unknown paper 'dotted'. Choose one of plain, ruled, squared"),
        ({"camera": replace(CAMERA, table="glass")}, "Unknown table 'glass'"),
        ({"camera": replace(CAMERA, orientation=0)}, "Unknown EXIF orientation 0"),
        ({"camera": replace(CAMERA, megapixels=100)}, "The megapixels is 100. Expected 0.01 to 60"),
        ({"camera": replace(CAMERA, tilt=60)}, "tilt is 60"),
        ({"pen": replace(PEN, width=5.0)}, "pen width in mm is 5. Expected 0.01 to 3"),
        ({"layout": replace(LAYOUT, height=19)}, "Write smaller"),
        ({"layout": replace(LAYOUT, slope=20)}, "straighter"),
    ],
)
def test_what_makes_no_sense_is_refused(given, message):
    with pytest.raises(ToolkitError, match=re.escape(message)):
        sheet(**given)


def test_a_digit_without_a_glyph_is_refused():
    with pytest.raises(ToolkitError, match=r"no glyph for 1"):
        simulate_sheet({"0": GLYPHS["0"], "1": []}, ["01"])
    with pytest.raises(ToolkitError, match="A glyph is empty"):
        simulate_sheet({"0": [np.zeros((160, 160), np.uint8)]}, ["0"])
