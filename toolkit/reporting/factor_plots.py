"""Figures of an analysis: every training's curves, and what became of them."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from toolkit.evaluation.factors import Analysis, Factor

# Okabe and Ito's, dark enough for white paper; marker and line style tell them apart without colour
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#56B4E9", "#E69F00")
MARKERS = "osD^vPX"
STYLES = ("-", "--", "-.", ":")


def plot_factor(factor: Factor, images: tuple[int, int]) -> Figure:
    """Loss and share of misread images, epoch by epoch: each seed a thin line, their mean a thick one.

    ``images`` are the numbers of training and validation images. Both scales are logarithmic, or the
    slowest value would flatten all others.
    """
    figure = Figure(figsize=(9, 6.4), layout="constrained")
    grid = figure.subplots(2, 2, sharex=True, sharey="row")
    for row, (measure, unit) in enumerate((("loss", "cross entropy (nats)"), ("accuracy", "misread (%)"))):
        for axes, part, count in zip(grid[row], ("training", "validation"), images, strict=True):
            for number, level in enumerate(factor.levels):
                style: dict[str, Any] = {"color": COLOURS[number % 7], "linestyle": STYLES[number % 4]}
                curves = []
                for outcome in level.outcomes:
                    values = np.array([getattr(epoch, f"{part}_{measure}") for epoch in outcome.history])
                    # no lower than half an image: a logarithm has no zero
                    curve = np.maximum(values, 1e-4) if measure == "loss" else 100 * np.maximum(1 - values, 0.5 / count)
                    curves.append(curve)
                    axes.plot(range(1, len(curve) + 1), curve, linewidth=0.5, alpha=0.6, **style)
                label = f"{level.label}{' (baseline)' if level.value == factor.baseline else ''}"
                label += f", {level.diverged} of {len(level.outcomes)} diverged" if level.diverged else ""
                mean = [np.mean(values) for values in zip(*curves, strict=False)]  # as long as all last
                style |= {"marker": MARKERS[number % 7], "markersize": 4, "linewidth": 1.8, "label": label}
                axes.plot(range(1, len(mean) + 1), mean, **style)
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1.5, 0.6)))
            axes.grid(alpha=0.3, which="both", linewidth=0.4)
            axes.xaxis.get_major_locator().set_params(integer=True)
            if row == 0:
                axes.set_title(f"{part} ({count:,} images)", fontsize=10)
            else:
                axes.set_xlabel("epoch")
        grid[row][0].set_ylabel(unit)
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)), frameon=False)
    figure.suptitle(f"{factor.title}: thin lines are single seeds, thick ones their mean", fontsize=11)
    return figure


def plot_overview(analysis: Analysis) -> Figure:
    """Validation accuracy after the last epoch, factor by factor: a dot for each training, a bar for the mean."""
    factors, images = analysis.factors, analysis.images[1]
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    shown = [accuracy for factor in factors for level in factor.levels for accuracy in level.finished]
    for axes, factor in zip(figure.subplots(1, len(factors), sharey=True, squeeze=False)[0], factors, strict=True):
        for place, level in enumerate(factor.levels):
            finished = [100 * accuracy for accuracy in level.finished]
            colour = COLOURS[1] if level.value == factor.baseline else COLOURS[0]
            axes.plot([place] * len(finished), finished, "o", color=colour, markersize=4, alpha=0.7)
            if finished:
                axes.hlines(np.mean(finished), place - 0.3, place + 0.3, color=colour, linewidth=2)
            if level.diverged:
                axes.text(
                    place, 0.02, "diverged", rotation=90, ha="center", transform=axes.get_xaxis_transform(), fontsize=8
                )
        axes.set_xticks(range(len(factor.levels)), [level.label for level in factor.levels], fontsize=8)
        axes.set_xlim(-0.6, len(factor.levels) - 0.4)
        axes.set_xlabel(factor.title)
        axes.grid(alpha=0.3, axis="y")
    if shown:
        figure.axes[0].set_ylim(bottom=max(100 * min(shown) - 1, 0), top=100)
    figure.axes[0].set_ylabel(f"right of {images:,} validation images (%)")
    figure.suptitle("One factor at a time; the baseline is orange", fontsize=11)
    return figure
