"""Photos with more on them than digits: a whiteboard with things stuck to it, a page with a table drawn by hand.

    python -m benchmarks.cluttered                 # 20 of each; about two minutes on 2 CPU cores
    python -m benchmarks.cluttered --save FOLDER   # the photos as well, with what was found

The digits' shapes are real ones (scikit-learn's 14 writers); everything else is drawn.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

from benchmarks.example_digits import WRITERS, writer_ink
from benchmarks.sheets import count_found
from benchmarks.simulate import PlacedDigit, SimulatedSheet, save_photo
from toolkit.data.sheet_layout import Layout
from toolkit.data.sheets import Judge, Reading, read_photo
from toolkit.errors import ToolkitError
from toolkit.experiments.cutting import judge_with
from toolkit.images.lettering import pillow_font
from toolkit.reporting.sheet_pictures import draw_overlay, save_picture

Colour = tuple[int, int, int]
WIDTH, HEIGHT = 1600, 1200
MARKER = 5.5  # width of its line, in 32nds of a digit's height: that of the pens the writers had
PENS: tuple[Colour, ...] = ((25, 28, 36), (28, 42, 120), (25, 95, 60), (150, 30, 35))
MAGNETS: tuple[Colour, ...] = ((200, 35, 40), (30, 60, 160), (25, 25, 28), (20, 120, 70), (190, 150, 20))
PRINT = ("Room 204  Mon-Fri 8-16", "Legamaster", "PLEASE DO NOT ERASE", "Timetable, week 47", "magnetoplan ferroscript")


def whiteboard(seed: int) -> SimulatedSheet:
    """Ten digits in marker, in one row or two, among magnets, an eraser, a pen, a line of print and a frame's edge."""
    rng = np.random.default_rng([seed, 1])
    board = np.full((HEIGHT, WIDTH, 3), rng.uniform(185, 225), np.float32) + rng.uniform(-6, 6, 3).astype(np.float32)
    for _ in range(2):  # wiped writing
        centre = rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT)
        _shade(board, centre, (rng.uniform(150, 400), rng.uniform(60, 150)), -rng.uniform(4, 12))
    height = rng.uniform(95, 130)
    lengths = (10,) if seed % 2 else (5, 5)
    top = rng.uniform(380, 460)
    places = [
        (WIDTH * (0.1 + 0.8 * (column + 0.5) / length), top + row * 2 * height)
        for row, length in enumerate(lengths)
        for column in range(length)
    ]
    labels = rng.permutation(10)
    pen = PENS[seed % len(PENS)]
    boxes = [
        _write(board, seed, int(label), place, height, pen, rng) for label, place in zip(labels, places, strict=True)
    ]

    for _ in range(int(rng.integers(3, 7))):  # magnets hold a note that is gone: above the writing, or below
        x, y = rng.uniform(150, WIDTH - 150), rng.choice([rng.uniform(90, 200), rng.uniform(960, 1020)])
        _magnet(board, (x, y), rng.uniform(16, 46), MAGNETS[int(rng.integers(len(MAGNETS)))])
    left, bottom = rng.uniform(200, 1000), HEIGHT - rng.uniform(90, 130)
    _eraser(board, (left, bottom), (rng.uniform(170, 260), rng.uniform(60, 85)))
    _lying_pen(board, (left + 300, bottom + 30), rng.uniform(180, 240), rng.uniform(-8, 8))
    size = rng.uniform(22, 60)
    _print(board, PRINT[seed % len(PRINT)], (rng.uniform(120, 500), rng.uniform(240, 260) - size / 2), size)
    edge = int(rng.uniform(25, 60))
    board[-edge:] = rng.uniform(120, 160)
    board[-edge - 4 : -edge] = rng.uniform(50, 90)
    if seed % 3 == 0:
        board[:, :edge] = rng.uniform(120, 160)
        board[:, edge : edge + 4] = rng.uniform(50, 90)
    for _ in range(2):  # lamps reflected
        centre = rng.uniform(100, WIDTH - 100), rng.uniform(50, HEIGHT - 50)
        _shade(board, centre, (rng.uniform(40, 110), rng.uniform(30, 60)), rng.uniform(25, 60))
    return _photo(board, labels, boxes, lengths, rng)


def hand_drawn_grid(seed: int) -> SimulatedSheet:
    """26 digits in the cells of a table with a thick frame, all drawn by hand: lines wobble and miss one another."""
    rng = np.random.default_rng([seed, 2])
    page = np.full((HEIGHT, WIDTH, 3), rng.uniform(200, 235), np.float32)
    page -= np.array([0, 3, 10]) * np.float32(rng.uniform(0, 1))
    lengths = ((13, 13), (7, 7, 7, 5), (9, 9, 8), (6, 5, 5, 5, 5))[seed % 4]
    columns, lines = max(lengths), len(lengths)
    cell = min(1400 / columns, 1000 / lines, 240)
    wide, high = cell * rng.uniform(0.95, 1.0), min(cell * rng.uniform(0.95, 1.3), 1000 / lines)
    left, top = (WIDTH - columns * wide) / 2, (HEIGHT - lines * high) / 2
    pen = PENS[seed % 2]
    thin, thick = rng.uniform(3, 5), rng.uniform(9, 16)
    right, bottom = left + columns * wide, top + lines * high
    for row in range(1, lines):
        y = top + row * high
        _wobbling(page, (left, y), (right, y), thin, pen, rng)
    for column in range(1, columns):
        x = left + column * wide
        _wobbling(page, (x, top), (x, bottom), thin, pen, rng)
    for begin, end in (
        ((left, top), (right, top)),
        ((right, top), (right, bottom)),
        ((right, bottom), (left, bottom)),
        ((left, bottom), (left, top)),
    ):
        _wobbling(page, begin, end, thick, pen, rng)
    labels = rng.integers(0, 10, sum(lengths))
    places = [
        (left + (column + rng.uniform(0.44, 0.56)) * wide, top + (row + rng.uniform(0.46, 0.54)) * high)
        for row, length in enumerate(lengths)
        for column in range(length)
    ]
    size = rng.uniform(0.42, 0.52) * min(wide, high)
    boxes = [_write(page, seed, int(label), place, size, pen, rng) for label, place in zip(labels, places, strict=True)]
    return _photo(page, labels, boxes, lengths, rng)


def _write(
    scene: np.ndarray,
    writer: int,
    label: int,
    place: tuple[float, float],
    height: float,
    pen: Colour,
    rng: np.random.Generator,
) -> tuple[float, float, float, float]:
    glyphs = _glyphs(writer % WRITERS)[str(label)]
    glyph = glyphs[int(rng.integers(len(glyphs)))]
    x, y, across, down = cv2.boundingRect((glyph > 127).astype(np.uint8))
    scale = height * rng.uniform(0.88, 1.12) / max(across, down)
    small = cv2.resize(glyph[y - 8 : y + down + 8, x - 8 : x + across + 8], None, fx=scale, fy=scale)
    left, top = round(place[0] - small.shape[1] / 2), round(place[1] - small.shape[0] / 2)
    _cover(scene, small / 255 * rng.uniform(0.8, 0.92), (left, top), pen)
    return left + 8 * scale, top + 8 * scale, left + small.shape[1] - 8 * scale, top + small.shape[0] - 8 * scale


_inks: dict[int, dict[str, list[np.ndarray]]] = {}


def _glyphs(writer: int) -> dict[str, list[np.ndarray]]:
    if writer not in _inks:
        _inks[writer] = {name: [np.pad(g, 8) for g in glyphs] for name, glyphs in writer_ink(writer, MARKER).items()}
    return _inks[writer]


def _cover(scene: np.ndarray, cover: np.ndarray, corner: tuple[int, int], colour: Colour) -> None:
    left, top = corner
    patch = scene[top : top + cover.shape[0], left : left + cover.shape[1]]
    cover = cover[: patch.shape[0], : patch.shape[1], None]
    patch += (np.array(colour, np.float32) - patch) * cover.astype(np.float32)


def _drawn(scene: np.ndarray, colour: Colour, draw: Callable[[np.ndarray], object], share: float = 1.0) -> None:
    cover = np.zeros(scene.shape[:2], np.uint8)
    draw(cover)
    _cover(scene, cover / 255 * share, (0, 0), colour)


def _shade(scene: np.ndarray, centre: tuple[float, float], axes: tuple[float, float], by: float) -> None:
    spot = np.zeros(scene.shape[:2], np.uint8)
    cv2.ellipse(spot, tuple(map(round, centre)), tuple(map(round, axes)), 0, 0, 360, 255, -1)
    scene += by * cv2.GaussianBlur(spot, (0, 0), 30)[..., None].astype(np.float32) / 255


def _magnet(scene: np.ndarray, centre: tuple[float, float], radius: float, colour: Colour) -> None:
    x, y = map(round, centre)
    _drawn(scene, (60, 60, 60), lambda c: cv2.circle(c, (x + 4, y + 5), round(radius), 255, -1, cv2.LINE_AA), 0.35)
    _drawn(scene, colour, lambda c: cv2.circle(c, (x, y), round(radius), 255, -1, cv2.LINE_AA))
    shine = round(x - radius / 3), round(y - radius / 3)
    _drawn(scene, (255, 255, 255), lambda c: cv2.circle(c, shine, round(radius / 4), 255, -1, cv2.LINE_AA), 0.5)


def _eraser(scene: np.ndarray, corner: tuple[float, float], size: tuple[float, float]) -> None:
    (left, top), (wide, high) = map(round, corner), map(round, size)
    _drawn(scene, (40, 60, 110), lambda c: cv2.rectangle(c, (left, top), (left + wide, top + high), 255, -1))
    middle = top + high // 2
    _drawn(scene, (225, 225, 225), lambda c: cv2.rectangle(c, (left, middle), (left + wide, top + high), 255, -1))
    _drawn(scene, (30, 30, 34), lambda c: cv2.rectangle(c, (left, top), (left + wide, top + high), 255, 3))


def _lying_pen(scene: np.ndarray, begin: tuple[float, float], length: float, degrees: float) -> None:
    x, y = begin
    dx, dy = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    for start, stop, width, colour in (
        (0, 1, 22, (235, 235, 235)),
        (0, 0.3, 24, (28, 42, 120)),
        (1, 1.08, 10, (40, 40, 40)),
    ):
        ends = [(round(x + at * length * dx), round(y + at * length * dy)) for at in (start, stop)]
        _drawn(scene, colour, lambda c, ends=ends, width=width: cv2.line(c, *ends, 255, width, cv2.LINE_AA))


def _print(scene: np.ndarray, text: str, corner: tuple[float, float], size: float) -> None:
    image = Image.new("L", (scene.shape[1], scene.shape[0]))
    ImageDraw.Draw(image).text(corner, text, fill=255, font=pillow_font(text, round(size)))
    _cover(scene, np.asarray(image) / 255 * 0.85, (0, 0), (40, 40, 44))


def _wobbling(
    scene: np.ndarray,
    begin: tuple[float, float],
    end: tuple[float, float],
    width: float,
    colour: Colour,
    rng: np.random.Generator,
) -> None:
    """A long line by hand: it bends, trembles, and begins and ends a little before or behind where it should."""
    one, other = np.array(begin), np.array(end)
    along = (other - one) / np.linalg.norm(other - one)
    across = np.array([-along[1], along[0]])
    one, other = one + along * rng.uniform(-14, 10), other + along * rng.uniform(-10, 14)
    at = np.linspace(0, 1, 60)
    bow = rng.uniform(-5, 5) * np.sin(np.pi * at) + rng.uniform(-3, 3) * np.sin(2 * np.pi * at * rng.uniform(1, 3))
    tremble = cv2.GaussianBlur(rng.normal(0, 3, (60, 1)), (0, 0), 1.5)[:, 0]
    points = one + at[:, None] * (other - one) + (bow + tremble)[:, None] * across
    fixed = np.round(points * 16).astype(np.int32)
    _drawn(scene, colour, lambda c: cv2.polylines(c, [fixed], False, 255, round(width), cv2.LINE_AA, 4), 0.85)


def _photo(
    scene: np.ndarray,
    labels: np.ndarray,
    boxes: list[tuple[float, float, float, float]],
    lengths: tuple[int, ...],
    rng: np.random.Generator,
) -> SimulatedSheet:
    """Seen a little from the side, in fading light, with blur and noise."""
    height, width = scene.shape[:2]
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, corners + rng.uniform(-18, 18, (4, 2)).astype(np.float32))
    seen = cv2.warpPerspective(scene, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    light = 1 - rng.uniform(0.05, 0.3) * (x * x + y * y) / 2 - rng.uniform(0, 0.12) * (1 + x) / 2
    seen = cv2.GaussianBlur(seen * light[..., None].astype(np.float32), (0, 0), rng.uniform(0.6, 1.2))
    seen += rng.normal(0, 2, (height, width, 1)).astype(np.float32)
    names = [(row, column) for row, length in enumerate(lengths) for column in range(length)]
    digits = []
    for (row, column), label, (left, top, right, bottom) in zip(names, labels, boxes, strict=True):
        points = np.array([[(left, top), (right, top), (right, bottom), (left, bottom)]], np.float32)
        moved = cv2.perspectiveTransform(points, matrix)[0]
        box = (*moved.min(axis=0).tolist(), *moved.max(axis=0).tolist())
        digits.append(PlacedDigit(row, column, str(label), box))
    return SimulatedSheet(np.clip(seen + 0.5, 0, 255).astype(np.uint8), None, 90, tuple(digits))


SCENES = {"whiteboard": whiteboard, "grid": hand_drawn_grid}


def promised(scene: SimulatedSheet, photo: Path, judge: Judge) -> Reading:
    """What ``sheet cut`` finds on a photo when told what is written there."""
    lengths = [sum(digit.row == row for digit in scene.digits) for row in range(1 + scene.digits[-1].row)]
    labels = iter([digit.label for digit in scene.digits])
    return read_photo(photo, Layout(tuple(tuple(next(labels) for _ in range(length)) for length in lengths)), judge)


def main() -> None:
    """Print how many photos are read as promised, and what is wrong with the others."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=20, help="how many of each")
    parser.add_argument("--save", type=Path, help="folder for the photos, with what was found")
    options = parser.parse_args()
    judge = judge_with("mnist_resnet")
    for name, simulate in SCENES.items():
        right = 0
        for seed in range(options.photos):
            scene = simulate(seed)
            with tempfile.TemporaryDirectory() as folder:
                save_photo(scene, Path(folder) / "photo.jpg")
                try:
                    reading = promised(scene, Path(folder) / "photo.jpg", judge)
                except ToolkitError as error:
                    print(f"{name} {seed}: {error}")
                    continue
            found = count_found(reading, scene, labelled=False)
            right += found == len(scene.digits) and not reading.complaints
            if found < len(scene.digits) or reading.complaints:
                print(f"{name} {seed}: {found} of {len(scene.digits)}; {reading.complaints}; {reading.counts}")
            if options.save:
                options.save.mkdir(exist_ok=True)
                save_picture(draw_overlay(reading, None, []), options.save / f"{name}_{seed}.jpg")
        print(f"{name}: {right} of {options.photos} photos read as promised")


if __name__ == "__main__":
    main()
