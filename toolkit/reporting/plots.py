"""Pictures of a run, as PNG. Colours are Okabe and Ito's, which colour-blind eyes can tell apart."""

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from toolkit.classes import things
from toolkit.data.labelled_images import LabelledImages
from toolkit.evaluation.calibration import calibration_error, reliability
from toolkit.evaluation.scores import MANY, Scores
from toolkit.evaluation.statistics import wilson_interval
from toolkit.images.lettering import USUAL_FONT, font_for, shown
from toolkit.paths import write_file
from toolkit.training.history import Epoch, best_epoch
from toolkit.training.lr_finder import LearningRates

BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
MOST_PAIRS = 20  # of confused classes


def save_figure(figure: Figure, path: Path) -> Path:
    """Write ``figure`` as a PNG, as ``figure_png`` makes it."""
    return write_file(path, figure_png(figure))


def figure_png(figure: Figure) -> bytes:
    """``figure`` as a PNG at 150 dots per inch; texts whose letters matplotlib's font lacks in one that has them."""
    for axes in figure.axes:
        axes.get_xticklabels(), axes.get_yticklabels()  # else made, empty, when the figure is drawn
    for text in figure.findobj(Text):
        font = font_for(text.get_text())
        if font and font != USUAL_FONT:
            text.set_fontproperties(FontProperties(fname=font, size=text.get_fontsize()))
    stream = io.BytesIO()
    figure.dpi = 150
    FigureCanvasAgg(figure).print_png(stream)  # savefig would draw it twice
    return stream.getvalue()


def plot_history(history: Sequence[Epoch], title: str) -> Figure:
    """Loss and accuracy of training and validation, epoch by epoch, the best epoch marked."""
    figure = Figure(figsize=(6.6, 2.8), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    epochs = [row.epoch for row in history]
    best = best_epoch(list(history))
    for axes, name, unit in ((loss, "loss", "cross entropy (nats)"), (accuracy, "accuracy", "accuracy (%)")):
        for part, colour, marker in (("training", BLUE, "o"), ("validation", ORANGE, "s")):
            values = [getattr(row, f"{part}_{name}") * (100 if name == "accuracy" else 1) for row in history]
            axes.plot(epochs, values, color=colour, marker=marker, markersize=3, label=part)
        axes.axvline(best.epoch, color="grey", linestyle=":", label=f"lowest validation loss ({best.epoch})")
        axes.set(xlabel="epoch", ylabel=unit)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
    loss.set_ylim(bottom=0)
    figure.legend(*loss.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    figure.suptitle(title)
    return figure


def plot_learning_rates(found: LearningRates, used: float | None, title: str) -> Figure:
    """The finder's curve with its suggestions, and the rate that was used."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    rates, losses = np.array(found.rates), np.array(found.losses)
    axes.plot(rates, losses, color="black", linewidth=1.2)
    for (name, rate), colour, marker in zip(found.suggestions.items(), (BLUE, ORANGE, GREEN), "osD", strict=False):
        height = float(np.interp(math.log(rate), np.log(rates), losses))
        axes.plot(rate, height, marker, color=colour, markersize=8, label=f"{name} {rate:.1e}")
    if used is not None:
        axes.axvline(used, color="grey", linestyle="--", label=f"used {used:.1e}")
    axes.set_xscale("log")
    axes.set(xlabel="learning rate", ylabel="training loss, smoothed (nats)", title=title)
    if len(losses):  # the explosion at the end would squeeze the rest
        lowest, start = float(losses.min()), float(losses[: max(1, len(losses) // 4)].max())
        axes.set_ylim(max(0.0, lowest - 0.1 * (start - lowest)), start + 0.6 * (start - lowest) + 1e-3)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def plot_confusion(scores: Scores, title: str) -> Figure:
    """True classes down, predicted across, each cell with its count; right ones blue, mistakes orange.

    With ``MANY`` classes and more a bar for each of the pairs most confused.
    """
    if len(scores.classes) >= MANY:
        return _plot_most_confused(scores, title)
    classes = [short(name) for name in scores.classes]
    counts = np.array(scores.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    right = np.eye(len(classes), dtype=bool)
    side = max(5.6, 0.42 * len(classes))
    figure = Figure(figsize=(side, side + 0.2), layout="constrained")
    axes = figure.subplots()
    for cells, colours in ((right, "Blues"), (~right & (counts > 0), "Oranges")):
        # a single mistake in a thousand is to be seen as well: its colour starts at a quarter
        axes.imshow(np.ma.masked_where(~cells, 0.25 + 0.35 * shares), cmap=colours, vmin=0, vmax=1)
    for true, predicted in np.argwhere(counts):
        axes.text(predicted, true, f"{counts[true, predicted]:,}", ha="center", va="center", fontsize=9)
    upright = max(map(len, classes)) <= 3
    axes.set_xticks(range(len(classes)), classes, rotation=0 if upright else 90)
    axes.set_yticks(range(len(classes)), classes)
    what = "digit" if things(scores.classes) == "digits" else "class"
    axes.set(xlabel=f"predicted {what}", ylabel=f"true {what}")
    axes.set_title(f"{title}\n{scores}", fontsize=10)
    return figure


def plot_reliability(logits: torch.Tensor, labels: np.ndarray, title: str) -> Figure:
    """How often answers are right against how sure the model is of them, with 95 % intervals.

    ``logits`` (N, C), ``labels`` (N,). The larger a point, the more images.
    """
    targets = torch.from_numpy(labels)
    bins = reliability(logits, targets)
    images, mean, right = bins[bins[:, 0] > 0].T
    low, high = np.array([wilson_interval(round(share * n), int(n)) for n, share in zip(images, right, strict=True)]).T
    figure = Figure(figsize=(4.5, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":")
    axes.vlines(mean, low, high, color=BLUE, alpha=0.5)
    axes.scatter(mean, right, s=20 + 100 * images / images.max(), color=BLUE)
    said = f"{len(labels):,} images, calibration error {100 * calibration_error(logits, targets):.2f} %"
    axes.set(xlabel="mean probability of the answers", ylabel="share of them that is right", title=f"{title}\n{said}")
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
    axes.grid(alpha=0.3)
    return figure


def _plot_most_confused(scores: Scores, title: str) -> Figure:
    pairs = scores.confused()[:MOST_PAIRS]
    sizes = dict(zip(scores.classes, map(sum, scores.confusion), strict=True))
    figure = Figure(figsize=(7, 0.28 * max(4, len(pairs)) + 1.4), layout="constrained")
    axes = figure.subplots()
    axes.barh(range(len(pairs)), [count for _, _, count in pairs], color=ORANGE)
    names = [f"{short(true)} read as {short(read)} ({count} of {sizes[true]})" for true, read, count in pairs]
    axes.set_yticks(range(len(pairs)), names, fontsize=8)
    axes.invert_yaxis()
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    told = f"the pairs most confused of {len(scores.classes):,} classes" if pairs else "no mistakes"
    axes.set(xlabel=f"images; {told}")
    axes.set_title(f"{title}\n{scores}", fontsize=10)
    return figure


def short(name: str) -> str:
    """A class's name as a figure has room and letters for it."""
    return shown(name if len(name) <= 14 else f"{name[:13]}…")


def plot_misread(digits: LabelledImages, probabilities: np.ndarray, title: str, most: int = 40) -> Figure:
    """The misread digits, the most confident mistake first; ``probabilities`` has shape (N, C)."""
    predicted, names = probabilities.argmax(axis=1), [short(name) for name in digits.classes]
    wrong = np.flatnonzero(predicted != digits.labels)
    wrong = wrong[np.argsort(-probabilities[wrong, predicted[wrong]], kind="stable")]
    drawn = wrong[:most]
    columns = max(1, min(8, len(drawn)))
    rows = math.ceil(len(drawn) / columns)
    figure = Figure(figsize=(max(4.5, 1.15 * columns), 1.55 * rows + 0.5), layout="constrained")
    if rows:
        figure.subplots(rows, columns)
    for axes, i in zip(figure.axes, drawn, strict=False):
        sure = 100 * probabilities[i, predicted[i]]
        said = f"{names[digits.labels[i]]} read as {names[predicted[i]]}\n{sure:.0f} % sure"
        _show(axes, digits.images[i, 0], said)
    more = f", the {most} surest shown" if len(wrong) > most else ""
    _without_axes(figure, f"{title}: {len(wrong) or 'none'} of {len(digits)} misread{more}")
    return figure


def plot_confused(digits: LabelledImages, predicted: np.ndarray, title: str, pairs: int = 5, most: int = 8) -> Figure:
    """The pairs of classes most often confused, either way round, a row each; ``predicted`` is int64 (N,)."""
    names = digits.classes
    counts = np.zeros((len(names), len(names)), dtype=int)
    np.add.at(counts, (digits.labels, predicted), 1)
    mutual = np.triu(counts + counts.T, 1)
    order = np.argsort(-mutual, axis=None, kind="stable")[:pairs]
    rows = [(int(i), int(j)) for i, j in np.transpose(np.unravel_index(order, mutual.shape)) if mutual[i, j]]
    figure = Figure(figsize=(9, 1.25 * len(rows) + 0.7), layout="constrained")
    for (i, j), row in zip(rows, figure.subplots(len(rows) or 1, most + 1, squeeze=False), strict=False):
        members = np.flatnonzero(((digits.labels == i) & (predicted == j)) | ((digits.labels == j) & (predicted == i)))
        one, other = short(names[i]), short(names[j])
        said = (
            f"{one} and {other}: {mutual[i, j]}\n{counts[i, j]} x {one} read as {other}\n"
            f"{counts[j, i]} x {other} read as {one}"
        )
        row[0].text(0.0, 0.5, said, va="center", fontsize=8)
        for axes, member in zip(row[1:], members, strict=False):
            said = f"{short(digits.name(member))} read as {short(names[predicted[member]])}"
            _show(axes, digits.images[member, 0], said)
    wrong = int((digits.labels != predicted).sum())
    _without_axes(figure, f"{title}: the pairs most often confused ({wrong} of {len(digits):,} misread)")
    return figure


def _show(axes: Axes, image: np.ndarray, said: str = "") -> None:
    axes.imshow(image, cmap="gray_r", vmin=0, vmax=255, interpolation="nearest")
    axes.set_title(said, fontsize=7, y=-0.02, va="top")


def _without_axes(figure: Figure, title: str) -> None:
    for axes in figure.axes:
        axes.set_axis_off()
    figure.suptitle(title, fontsize=10)
