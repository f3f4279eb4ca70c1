"""Pictures of why a model read what it read: blue speaks for the answer, orange for the class it is held against."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from toolkit.evaluation.explaining import NEAREST, Explanation
from toolkit.reporting.plots import BLUE, ORANGE, short

MOST_LOGITS = 10


def plot_explanations(named: Sequence[tuple[str, Explanation]]) -> Figure:
    """A row for each: the image as the model sees it, what spoke, the logits, the nearest training images."""
    figure = Figure(figsize=(10, 1.6 * len(named) + 0.3), layout="constrained")
    grid = figure.subplots(len(named), 3 + NEAREST, width_ratios=[1, 1, 1.5, *[0.75] * NEAREST], squeeze=False)
    for (name, explained), row in zip(named, grid, strict=True):
        answer, rival = (short(explained.classes[place]) for place in (explained.answer, explained.rival))
        shown = [
            (explained.image, f"{short(Path(name).name)}\nread as {answer}"),
            (tinted(explained), f"blue: for {answer}\norange: for {rival}"),
        ]
        for number, (image, cosine) in enumerate(zip(explained.nearest.images, explained.similarities, strict=True)):
            shown.append((image[0], f"{short(explained.nearest.name(number))}\n{cosine:.2f}"))
        for axes in (places := [*row[:2], *row[3:]])[len(shown) :]:
            axes.set_axis_off()
        for axes, (image, title) in zip(places, shown, strict=False):
            axes.imshow(image, cmap="gray_r", vmin=0, vmax=255)
            axes.set_title(title, fontsize=7)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_color("lightgrey")
        _plot_logits(row[2], explained)
    figure.supxlabel("right: the nearest training images in the last hidden layer, and the cosine", fontsize=7)
    return figure


def _plot_logits(axes: Axes, explained: Explanation) -> None:
    """The highest logits, in the order of the classes; bars stand on the lowest, since only differences count."""
    places = np.unique([*np.argsort(-explained.logits, kind="stable")[:MOST_LOGITS], explained.rival])
    logits = explained.logits[places]
    foot = logits.min() - 0.05 * np.ptp(logits)
    colours = {explained.answer: BLUE, explained.rival: ORANGE}
    axes.bar(range(len(places)), logits - foot, bottom=foot, color=[colours.get(i, "darkgrey") for i in places])
    axes.set_xticks(range(len(places)), [short(explained.classes[place]) for place in places])
    axes.tick_params(labelsize=7)
    axes.set_title("logits", fontsize=7)


def tinted(explained: Explanation) -> np.ndarray:
    """The attribution in two colours over the image in grey: RGB, float (28, 28, 3) in 0..1."""
    attribution = explained.attribution[:, :, None]
    strength = np.sqrt(np.abs(attribution) / max(float(np.abs(attribution).max()), 1e-9))  # faint ones show as well
    paper = 1 - 0.35 * explained.image[:, :, None] / 255
    return paper * (1 - strength) + np.where(attribution > 0, to_rgb(BLUE), to_rgb(ORANGE)) * strength


def plot_mistakes(explained: Sequence[Explanation], most: int = 12, alike: int = 4) -> Figure:
    """Misread images, ``alike`` of equal ones at most, with the class read, its probability, and what spoke for it."""
    pairs = [(one.rival, one.answer) for one in explained]
    shown = [one for i, one in enumerate(explained) if pairs[:i].count(pairs[i]) < alike][:most]
    columns = max(8, len(shown))  # a single one is not blown up
    figure = Figure(figsize=(6.6, 13.2 / columns + 0.5), layout="constrained")
    for one, (above, below) in zip(shown, figure.subplots(2, columns, squeeze=False).T, strict=False):
        answer, true = short(one.classes[one.answer]), short(one.classes[one.rival])
        chances = np.exp(one.logits - one.logits.max())
        above.imshow(one.image, cmap="gray_r", vmin=0, vmax=255)
        above.set_title(f"{true} as {answer}\n{100 * chances[one.answer] / chances.sum():.0f} %", fontsize=8)
        below.imshow(tinted(one))
    for axes in figure.axes:
        axes.set_axis_off()
    return figure
