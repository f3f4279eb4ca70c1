"""Figures of many trainings side by side: factors of an analysis, trials of a search, ways to fine-tune."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from toolkit.evaluation.factors import Analysis, Factor
from toolkit.training.adapting import FACTOR_NAMES

# Okabe and Ito's, dark enough for white paper; marker and line style tell them apart without colour
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#56B4E9", "#E69F00")
MARKERS = "osD^vPX"
STYLES = ("-", "--", "-.", ":")
WAY_COLOURS = ("#7F7F7F", "#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#0072B2")  # of the same, after grey


def plot_factor(factor: Factor, images: tuple[int, int]) -> Figure:
    """Loss and share of misread images, epoch by epoch: each seed a thin line, their mean a thick one.

    ``images`` are how many to train and to validate. Scales are logarithmic, or the slowest would flatten all others.
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


def plot_comparison(by_way: Mapping[str, Sequence[Mapping[str, Any]]], n: int) -> Figure:
    """Validation loss over epochs (mean and standard deviation over seeds), and the accuracy of every seed.

    ``by_way`` holds for every way to fine-tune the results of its seeds; ``n`` is the number of images measured.
    """
    figure = Figure(figsize=(7.6, 2.2), layout="constrained")
    losses, accuracies = figure.subplots(1, 2)
    generator = np.random.default_rng(0)
    for place, ((name, results), colour) in enumerate(zip(by_way.items(), WAY_COLOURS, strict=False)):
        curves = np.array([result["losses"] for result in results])
        if curves.size:
            epochs, mean, spread = np.arange(1, curves.shape[1] + 1), curves.mean(axis=0), curves.std(axis=0, ddof=1)
            losses.plot(epochs, mean, color=colour, label=name)
            losses.fill_between(epochs, np.maximum(0, mean - spread), mean + spread, color=colour, alpha=0.2)
        else:
            losses.axhline(results[0]["loss"], color=colour, linestyle="--", label=name)
        right = 100 * np.mean([result["right"] for result in results], axis=1)
        beside = place + generator.uniform(-0.25, 0.25, len(right))  # equal accuracies would hide one another
        accuracies.plot(right, beside, ".", color=colour, alpha=0.6)
        accuracies.plot(right.mean(), place, "|", color="black", markersize=22)
    losses.set(xlabel="epoch", ylabel="validation loss (nats)", title="mean and standard deviation")
    losses.set_ylim(bottom=0)
    losses.xaxis.get_major_locator().set_params(integer=True)
    accuracies.set_yticks(range(len(by_way)), list(by_way))
    accuracies.set(xlabel=f"accuracy on {n} images (%)", title="every seed; bar: mean")
    accuracies.invert_yaxis()
    for axes in (losses, accuracies):
        axes.grid(alpha=0.3)
    figure.legend(*losses.get_legend_handles_labels(), loc="outside lower center", ncols=len(by_way), frameon=False)
    return figure


def plot_trials(rows: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """Each factor's effect: held-out loss for every value tried, the others as usual, and how sure the difference is.

    ``rows`` are those of ``trials.csv``; the first with the lowest loss of the usual ones is where the search began.
    """
    usual = min((row for row in rows if row["new"] == "usual" and row["loss"] is not None), key=lambda row: row["loss"])
    factors = list(dict.fromkeys(row["new"] for row in rows if row["new"] not in ("usual", "together")))
    figure = Figure(figsize=(1.6 * max(len(factors), 3) + 0.8, 2.6), layout="constrained")
    for axes, factor in zip(np.atleast_1d(figure.subplots(1, len(factors), sharey=True)), factors, strict=True):
        tried = sorted([usual, *(row for row in rows if row["new"] == factor)], key=lambda row: row[factor])
        for place, row in enumerate(tried):
            colour = COLOURS[0 if row is usual else 1]
            if row["loss"] is None:
                axes.text(place, usual["loss"], "diverged", rotation=90, ha="center", color=colour)
                continue
            ends = 0 if row is usual else [[row["loss"] - row["loss_95_from"]], [row["loss_95_to"] - row["loss"]]]
            axes.errorbar(place, row["loss"], ends, fmt="o", color=colour, capsize=3)
        axes.axhline(usual["loss"], color=COLOURS[0], linestyle=":", linewidth=1)
        axes.set_xticks(range(len(tried)), [f"{row[factor]:.2g}" for row in tried])
        axes.set_xlim(-0.5, len(tried) - 0.5)
        axes.set_xlabel(FACTOR_NAMES.get(factor, factor))
        axes.grid(alpha=0.3)
    figure.axes[0].set_yscale("log", nonpositive="clip")
    figure.axes[0].set_ylabel("held-out loss (nats)")
    figure.suptitle(f"{title} (blue: usual values; bars: 95 % of the difference from them)", fontsize=10)
    return figure
