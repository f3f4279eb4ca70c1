"""The printed page as pixels, to be photographed."""

import numpy as np
from PIL import Image, ImageDraw

from toolkit.images.lettering import pillow_font
from toolkit.images.template import CAPITAL, PAPERS, TEN_DIGITS, Colour, Printed, draw_page


def draw_template(paper: str = "a4", pixels_per_mm: float = 8, printed: Printed = TEN_DIGITS) -> np.ndarray:
    """The page, uint8 RGB of shape (H, W, 3), to within half a pixel of what is printed."""
    width, height = (round(length * pixels_per_mm) for length in PAPERS[paper])
    image = Image.new("RGB", (width, height), "white")
    drawn = ImageDraw.Draw(image)

    def fill(left: float, top: float, width: float, height: float, colour: Colour) -> None:
        edges = (round(edge * pixels_per_mm) for edge in (left, top, left + width, top + height))
        image.paste(colour, tuple(edges))

    def write(left: float, baseline: float, height: float, words: str, colour: Colour) -> None:
        font = pillow_font(words, height / CAPITAL * pixels_per_mm)
        drawn.text((left * pixels_per_mm, baseline * pixels_per_mm), words, fill=colour, font=font, anchor="ls")

    draw_page(paper, printed, fill, write)
    return np.array(image)
