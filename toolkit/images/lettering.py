"""Fonts that have the letters of a class's name, whatever alphabet it is written in."""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

# DejaVu Sans comes with matplotlib, whose import would take a quarter of a second
USUAL_FONT = Path(str(getattr(find_spec("matplotlib"), "origin", ""))).parent / "mpl-data/fonts/ttf/DejaVuSans.ttf"


@lru_cache(maxsize=1000)
def font_for(text: str) -> Path | None:
    """A font file with all letters of ``text``: the usual one, or one of the system's; ``None`` where there is none."""
    needed = {ord(letter) for letter in text if not letter.isspace()}
    if text.isascii() or needed <= _letters(USUAL_FONT):
        return USUAL_FONT
    from matplotlib.font_manager import findSystemFonts

    return next((font for font in map(Path, sorted(findSystemFonts())) if needed <= _letters(font)), None)


@lru_cache(maxsize=300)
def _letters(font: Path) -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(str(font)).get_charmap())
    except RuntimeError:  # not a font that FreeType reads
        return frozenset()


def shown(name: str) -> str:
    """``name`` as a picture can show it: itself, or its code points where no font has its letters."""
    return name if font_for(name) else " ".join(f"U+{ord(letter):04X}" for letter in name)


@lru_cache(maxsize=1000)
def pillow_font(text: str, size: float) -> ImageFont.FreeTypeFont:
    """The font to write ``shown(text)`` with, ``size`` pixels from ascent to descent, for Pillow."""
    font = font_for(shown(text))
    assert font is not None  # code points are ASCII
    return ImageFont.truetype(str(font), size)
