"""Pictures of a run, as PNG. Colours are Okabe and Ito's, which colour-blind eyes can tell apart."""

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from toolkit.data.labelled_images import CLASSES, LabelledImages
from toolkit.evaluation.scores import Scores
from toolkit.paths import atomic_write
from toolkit.training.fit import Epoch, best_epoch
from toolkit.training.lr_finder import LearningRates

BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"


def save_figure(figure: Figure, path: Path) -> Path:
    """Write ``figure`` as a PNG at 150 dots per inch."""
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=150, format="png")
    return path


def figure_png(figure: Figure) -> bytes:
    """``figure`` as a PNG at 150 dots per inch, to show in a notebook."""
    stream = io.BytesIO()
    figure.savefig(stream, dpi=150, format="png")
    return stream.getvalue()


def plot_history(history: Sequence[Epoch], title: str) -> Figure:
    """Loss and accuracy of training and validation, epoch by epoch, the best epoch marked."""
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    epochs = [row.epoch for row in history]
    best = best_epoch(list(history))
    for axes, name, unit in ((loss, "loss", "cross entropy (nats)"), (accuracy, "accuracy", "accuracy (%)")):
        factor = 100 if name == "accuracy" else 1
        training = [factor * getattr(row, f"training_{name}") for row in history]
        validation = [factor * getattr(row, f"validation_{name}") for row in history]
        axes.plot(epochs, training, color=BLUE, marker="o", markersize=3, label="training")
        axes.plot(epochs, validation, color=ORANGE, marker="s", markersize=3, label="validation")
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
    """True digits down, predicted digits across, each cell with its count; right ones blue, mistakes orange."""
    counts = np.array(scores.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    right = np.eye(len(CLASSES), dtype=bool)
    figure = Figure(figsize=(5.6, 5.8), layout="constrained")
    axes = figure.subplots()
    for cells, colours in ((right, "Blues"), (~right & (counts > 0), "Oranges")):
        # a single mistake in a thousand is to be seen as well: its colour starts at a quarter
        axes.imshow(np.ma.masked_where(~cells, 0.25 + 0.35 * shares), cmap=colours, vmin=0, vmax=1)
    for true, predicted in np.argwhere(counts):
        axes.text(predicted, true, f"{counts[true, predicted]:,}", ha="center", va="center", fontsize=9)
    axes.set_xticks(range(len(CLASSES)), CLASSES)
    axes.set_yticks(range(len(CLASSES)), CLASSES)
    axes.set(xlabel="predicted digit", ylabel="true digit")
    axes.set_title(f"{title}\n{scores}", fontsize=10)
    return figure


def plot_misread(digits: LabelledImages, probabilities: np.ndarray, title: str, most: int = 40) -> Figure:
    """The misread digits, the most confident mistake first; ``probabilities`` has shape (N, 10)."""
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != digits.labels)
    wrong = wrong[np.argsort(-probabilities[wrong, predicted[wrong]], kind="stable")]
    shown = wrong[:most]
    captions = [
        f"{digits.labels[i]} read as {predicted[i]}\n{100 * probabilities[i, predicted[i]]:.0f} % sure" for i in shown
    ]
    if len(wrong) == 0:
        title = f"{title}: none of {len(digits)} misread"
    else:
        more = f", the {most} surest shown" if len(wrong) > most else ""
        title = f"{title}: {len(wrong)} of {len(digits)} misread{more}"
    return plot_digits(digits.images[shown], captions, title)


def plot_confused(digits: LabelledImages, predicted: np.ndarray, title: str, pairs: int = 5, most: int = 8) -> Figure:
    """The pairs of digits most often confused, either way round, a row each; ``predicted`` is int64 (N,)."""
    counts = np.zeros((len(CLASSES), len(CLASSES)), dtype=int)
    np.add.at(counts, (digits.labels, predicted), 1)
    mutual = np.triu(counts + counts.T, 1)
    order = np.argsort(-mutual, axis=None, kind="stable")[:pairs]
    rows = [(int(i), int(j)) for i, j in np.transpose(np.unravel_index(order, mutual.shape)) if mutual[i, j]]
    figure = Figure(figsize=(9, 1.25 * len(rows) + 0.7), layout="constrained")
    for (i, j), row in zip(rows, figure.subplots(len(rows) or 1, most + 1, squeeze=False), strict=False):
        members = np.flatnonzero(((digits.labels == i) & (predicted == j)) | ((digits.labels == j) & (predicted == i)))
        said = f"{i} and {j}: {mutual[i, j]}\n{counts[i, j]} x {i} read as {j}\n{counts[j, i]} x {j} read as {i}"
        row[0].text(0.0, 0.5, said, va="center", fontsize=8)
        for axes, member in zip(row[1:], members, strict=False):
            _show(axes, digits.images[member, 0])
            axes.set_title(f"{digits.labels[member]} read as {predicted[member]}", fontsize=7, y=-0.02, va="top")
    wrong = int((digits.labels != predicted).sum())
    for axes in figure.axes:
        axes.set_axis_off()
    figure.suptitle(f"{title}: the pairs most often confused ({wrong} of {len(digits):,} misread)", fontsize=10)
    return figure


def plot_contact_sheet(digits: LabelledImages, title: str, columns: int = 12) -> Figure:
    """The first ``columns`` images of each class, a row per digit."""
    figure = Figure(figsize=(0.55 * columns + 0.6, 0.55 * len(CLASSES) + 0.6), layout="constrained")
    for digit, row in enumerate(figure.subplots(len(CLASSES), columns, squeeze=False)):
        members = digits.images[np.flatnonzero(digits.labels == digit)[:columns]]
        for axes in row:
            axes.set_axis_off()
        for axes, image in zip(row, members, strict=False):
            _show(axes, image[0])
        row[0].text(-8, 14, CLASSES[digit], va="center", fontsize=12)
    figure.suptitle(title, fontsize=10)
    return figure


def plot_digits(images: np.ndarray, captions: Sequence[str], title: str, columns: int = 8) -> Figure:
    """A sheet of digits, uint8 of shape (N, 1, 28, 28), each with its caption below."""
    columns = max(1, min(columns, len(images)))
    rows = math.ceil(len(images) / columns)
    figure = Figure(figsize=(max(4.5, 1.15 * columns), 1.55 * rows + 0.5), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).flat if rows else ()
    for axes in grid:
        axes.set_axis_off()
    for axes, image, caption in zip(figure.axes, images, captions, strict=False):
        _show(axes, image[0])
        axes.set_title(caption, fontsize=7, y=-0.02, va="top")
    figure.suptitle(title, fontsize=10)
    return figure


def _show(axes: Axes, image: np.ndarray) -> None:
    axes.imshow(image, cmap="gray_r", vmin=0, vmax=255, interpolation="nearest")
