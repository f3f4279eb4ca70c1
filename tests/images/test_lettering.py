import pytest

from toolkit.images import lettering
from toolkit.images.lettering import USUAL_FONT, font_for, pillow_font, shown


@pytest.mark.parametrize("name", ["7", "Ankle boot", "Ω", "√", "Я"])
def test_the_usual_font_has_most_letters(name):
    assert font_for(name) == USUAL_FONT
    assert shown(name) == name
    assert pillow_font(name, 20).getlength(name) > 5


def test_without_a_font_code_points_are_shown(monkeypatch):
    monkeypatch.setattr("matplotlib.font_manager.findSystemFonts", list)
    lettering.font_for.cache_clear()
    try:
        assert shown("७८") == "U+096D U+096E"
        assert pillow_font("७८", 20).getlength(shown("७८")) > 50
    finally:
        lettering.font_for.cache_clear()
        lettering.pillow_font.cache_clear()
