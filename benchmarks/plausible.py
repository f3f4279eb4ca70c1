"""Drawing plausible photos at random, kept to what a person could read."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.simulate.camera import Camera
from benchmarks.simulate.paper import CHALKBOARD, TEN_ROWS, WHITEBOARD, Layout, Paper, PaperKind
from benchmarks.simulate.pen import BALLPOINT, CHALK, FINELINER, MARKER, PENCIL, WHITEBOARD_MARKER, Pen


def conditions(seed: int, rows: Sequence[Sequence[str]] = TEN_ROWS) -> tuple[Paper, Pen, Camera, Layout]:
    """Draw a plausible photo of ``rows``: what ``simulate_sheet`` takes beside glyphs, rows and seed.

    Whatever is drawn, a person can read: resolution, focus, light and noise are kept to what the pen allows.
    """
    rng = np.random.default_rng([seed, 1])  # not the stream that simulate_sheet draws from with the same seed
    paper, pen = _draw_paper_and_pen(rng)
    width, height = paper.size
    column_spacing, row_spacing = rng.uniform(1.3, 1.8), rng.uniform(1.6, 2.3)
    largest = min(width / (column_spacing * max(map(len, rows))), height / (row_spacing * len(rows)))
    layout = Layout(
        height=float(rng.uniform(0.7, 0.95) * min(largest, height / 12)),
        height_spread=float(rng.uniform(0.02, 0.12)),
        column_spacing=float(column_spacing),
        row_spacing=float(row_spacing),
        jitter=float(rng.uniform(0.02, 0.1)),
        lean=float(rng.uniform(1, 6)),
        slope=float(np.clip(rng.normal(0, 1.2), -3, 3)),
        bend=float(rng.normal(0, 0.15 * largest)),
    )
    if paper.kind == "ruled":  # people write on every line, every second, every third: the lines make the rows
        pitch = row_spacing * layout.height
        paper = replace(paper, line_spacing=float(pitch / max(1, round(pitch / rng.uniform(7, 11)))))
    pen = replace(pen, width=min(pen.width, 0.17 * layout.height))
    return paper, pen, _draw_camera(paper, pen, layout, rng), layout


def _draw_paper_and_pen(rng: np.random.Generator) -> tuple[Paper, Pen]:
    board = rng.uniform()
    if board < 0.06:
        return WHITEBOARD, replace(WHITEBOARD_MARKER, colour=_one_of(rng, {(20, 40, 120): 2, (25, 25, 28): 2}))
    if board < 0.11:
        return CHALKBOARD, CHALK
    kind: PaperKind = _one_of(rng, {"plain": 45, "ruled": 30, "squared": 25})
    grey = rng.uniform(215, 245)
    pen = _one_of(rng, {BALLPOINT: 36, FINELINER: 20, PENCIL: 24, MARKER: 20})
    if pen == BALLPOINT:
        pen = replace(pen, colour=_one_of(rng, {(25, 35, 110): 5, (25, 25, 30): 4, (150, 30, 40): 1}))
    darkness = float(pen.darkness * rng.uniform(0.85, 1.05))
    pen = replace(pen, darkness=darkness, width=float(pen.width * rng.uniform(0.8, 1.3)))
    paper = Paper(
        kind=kind,
        size=_one_of(rng, {(210.0, 297.0): 75, (297.0, 210.0): 25}),
        colour=(round(grey), round(grey - rng.uniform(0, 4)), round(grey - rng.uniform(0, 16))),
        line_spacing=5.0 if kind == "squared" else 9.0,
        line_width=float(rng.uniform(0.15, 0.35)),
        grain=float(rng.uniform(0.004, 0.02)),
        show_through=float(max(0.0, rng.uniform(-0.2, 0.2)) * contrast_of(Paper(), pen)),
    )
    hue = _one_of(rng, {(110, 150, 205): 5, (120, 120, 125): 4, (190, 120, 140): 1, (45, 45, 48): 1})
    strength = min(1.0, 0.7 * contrast_of(paper, pen) / (1 - np.mean(hue) / grey))  # lines do not drown the writing
    line = [
        round(of_paper + strength * (of_line - of_paper)) for of_paper, of_line in zip(paper.colour, hue, strict=True)
    ]
    return replace(paper, line_colour=tuple(line)), pen


def _draw_camera(paper: Paper, pen: Pen, layout: Layout, rng: np.random.Generator) -> Camera:
    megapixels = _one_of(rng, {12.2: 36, 16.0: 8, 8.0: 18, 5.0: 12, 3.0: 10, 2.0: 8, 1.0: 5, 0.5: 3})
    area = paper.size[0] * paper.size[1]
    # photos that the pen is too fine for are not taken: strokes under a pixel, digits under 22
    finest = max(0.9 / pen.width, 22 / layout.height) / 0.8  # pixels per mm; 0.8 for margins and perspective
    megapixels = max(megapixels, finest**2 * area / 1e6)
    stroke = 0.8 * pen.width * np.sqrt(megapixels * 1e6 / area)  # pixels
    blur = min(float(rng.gamma(3, 0.35) * np.sqrt(megapixels / 8)), 0.45 * stroke)
    gradient, vignetting = rng.uniform(0, 0.4), rng.uniform(0, 0.4)
    shadow = rng.uniform(0.2, 0.5) if rng.uniform() < 0.3 else 0.0
    contrast = 0.7 * contrast_of(paper, pen) * max(paper.colour)  # grey levels; pressure and focus take the rest
    dimmest = (1 - gradient) * (1 - vignetting) * (1 - shadow)
    exposure = max(float(rng.uniform(0.6, 1.05)), min(1.05, 16 / (contrast * dimmest)))
    noise = min(6.0, float(rng.gamma(3, 0.9)), 0.15 * contrast * dimmest * exposure * max(1.0, float(np.sqrt(stroke))))
    if max(paper.size) > 400:
        table = _one_of(rng, {"light": 2, None: 3})
    else:
        table = _one_of(rng, {"dark": 38, "wood": 27, "light": 12, None: 23})
    orientation = _one_of(rng, {None: 34, 1: 25, 6: 24, 8: 6, 3: 5, 2: 1, 4: 1, 5: 1, 7: 1})
    lies = orientation is None and rng.uniform() < 0.25
    return Camera(
        megapixels=float(megapixels),
        turn=float(rng.uniform(-15, 15) if rng.uniform() < 0.25 else np.clip(rng.normal(0, 4), -15, 15)),
        tilt=float(min(25, abs(rng.normal(0, 9)))),
        tilt_from=float(rng.normal(90, 40)),
        table=table,
        margin=float(rng.uniform(0.01, 0.1)),
        exposure=exposure,
        warmth=float(np.clip(rng.normal(0.1, 0.3), -0.8, 0.9)),
        gradient=float(gradient),
        vignetting=float(vignetting),
        shadow=float(shadow),
        shadow_edge=float(10 ** rng.uniform(-2.3, -0.9)),
        blur=blur,
        noise=noise,
        jpeg_quality=int(rng.integers(70, 96)),
        orientation=orientation,
        quarter_turns=int(rng.integers(1, 4)) if lies else 0,
    )


def contrast_of(paper: Paper, pen: Pen) -> float:
    """Between full ink and paper, as a share of the brighter one."""
    ground, ink = np.mean(paper.colour), np.mean(pen.colour)
    return float(pen.darkness * abs(ground - ink) / max(ground, ink))


def _one_of(rng: np.random.Generator, weights: Mapping[Any, float]) -> Any:
    values = list(weights)
    shares = np.array(list(weights.values())) / sum(weights.values())
    return values[rng.choice(len(values), p=shares)]
