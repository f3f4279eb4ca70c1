"""Pictures of many runs side by side: ways to fine-tune over seeds, trials of a search."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from toolkit.reporting.plots import BLUE, ORANGE
from toolkit.training.adapting import FACTOR_NAMES

COLOURS = ("#7F7F7F", "#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#0072B2")  # Okabe and Ito's, after grey


def plot_comparison(by_way: Mapping[str, Sequence[Mapping[str, Any]]], n: int) -> Figure:
    """Validation loss over epochs (mean and standard deviation over seeds), accuracy of every seed, weights moved.

    ``by_way`` holds for every way to fine-tune the results of its seeds; ``n`` is the number of images measured.
    """
    figure = Figure(figsize=(12, 3.8), layout="constrained")
    losses, accuracies, moves = figure.subplots(1, 3)
    generator = np.random.default_rng(0)
    for place, ((name, results), colour) in enumerate(zip(by_way.items(), COLOURS, strict=False)):
        curves = np.array([result["losses"] for result in results])
        if curves.size:
            epochs, mean, spread = np.arange(1, curves.shape[1] + 1), curves.mean(axis=0), curves.std(axis=0)
            losses.plot(epochs, mean, color=colour, label=name)
            losses.fill_between(epochs, np.maximum(0, mean - spread), mean + spread, color=colour, alpha=0.2)
        else:
            losses.axhline(results[0]["loss"], color=colour, linestyle="--", label=name)
        right = 100 * np.array([np.mean(result["right"]) for result in results])
        beside = place + generator.uniform(-0.25, 0.25, len(right))  # equal accuracies would hide one another
        accuracies.plot(right, beside, ".", color=colour, alpha=0.6)
        accuracies.plot(right.mean(), place, "|", color="black", markersize=22)
        moved = results[0]["moved"]
        shares = [100 * np.mean([result["moved"][group] for result in results]) for group in moved]
        if any(shares):
            moves.plot(range(len(moved)), shares, "o-", color=colour, markersize=4)
            moves.set_xticks(range(len(moved)), list(moved), rotation=30, ha="right", fontsize=8)
    losses.set(xlabel="epoch", ylabel="validation loss (nats)", title="mean and standard deviation")
    losses.set_ylim(bottom=0)
    accuracies.set_yticks(range(len(by_way)), list(by_way))
    accuracies.set(xlabel=f"accuracy on {n} images (%)", title="every seed; bar: mean")
    accuracies.invert_yaxis()
    moves.set(ylabel="change of weights (% of their length)", title="how far the layers moved")
    for axes in (losses, accuracies, moves):
        axes.grid(alpha=0.3)
    figure.legend(*losses.get_legend_handles_labels(), loc="outside lower center", ncols=len(by_way), frameon=False)
    return figure


def plot_trials(rows: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """Each factor's effect: held-out loss with its 95 % interval for every value tried, the others as usual.

    ``rows`` are those of ``trials.csv``; the first with the lowest loss of the usual ones is where the search began.
    """
    usual = min((row for row in rows if row["new"] == "usual"), key=lambda row: row["loss"])
    factors = list(dict.fromkeys(row["new"] for row in rows if row["new"] not in ("usual", "together")))
    figure = Figure(figsize=(2.4 * len(factors) + 0.6, 3), layout="constrained")
    for axes, factor in zip(np.atleast_1d(figure.subplots(1, len(factors), sharey=True)), factors, strict=True):
        tried = sorted([usual, *(row for row in rows if row["new"] == factor)], key=lambda row: row[factor])
        for place, row in enumerate(tried):
            colour = BLUE if row is usual else ORANGE
            if row["loss"] is None:
                axes.text(place, usual["loss"], "diverged", rotation=90, ha="center", color=colour)
                continue
            low, high = row["loss"] - row["loss_95_from"], row["loss_95_to"] - row["loss"]
            axes.errorbar(place, row["loss"], [[low], [high]], fmt="o", color=colour, capsize=3)
        axes.axhline(usual["loss"], color=BLUE, linestyle=":", linewidth=1)
        axes.set_xticks(range(len(tried)), [f"{row[factor]:g}" for row in tried], fontsize=8)
        axes.set_xlim(-0.5, len(tried) - 0.5)
        axes.set_xlabel(FACTOR_NAMES.get(factor, factor))
        axes.grid(alpha=0.3)
    figure.axes[0].set_yscale("log", nonpositive="clip")
    figure.axes[0].set_ylabel("held-out loss (nats)")
    figure.suptitle(f"{title} (blue: usual values; bars: 95 %)", fontsize=10)
    return figure
