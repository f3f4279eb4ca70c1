"""What the numbers of an analysis say, in sentences that hold whatever the numbers are."""

import statistics

from toolkit.evaluation.factors import Analysis, Factor, Level, difference
from toolkit.training.trainings import Setting


def analysis_page(analysis: Analysis, recipe: str) -> str:
    """Tables, sentences and figures (by file name) of all factors, in markdown."""
    pages = [f"# {recipe}: one factor at a time\n", "![all factors](overview.png)\n"]
    for factor in analysis.factors:
        pages.append(f"## {factor.title[0].upper()}{factor.title[1:]}\n")
        pages.append(factor_section(factor, analysis.images[1]))
        pages.append(f"![{factor.title}]({factor.name}.png)\n")
    pages.append(f"## The choice\n\n{choice(analysis)}\n")
    return "\n".join(pages)


def factor_section(factor: Factor, images: int) -> str:
    """Table and sentences of one factor, in markdown; ``images`` is the number of validation images."""
    said = "\n".join(f"- {sentence}" for sentence in insights(factor, images))
    return f"{markdown_table(table(factor))}\n\n{said}\n"


def choice(analysis: Analysis) -> str:
    """Which setting is taken to the test part, and why."""
    best, combined = analysis.best, analysis.combined
    if best.diverged:
        return "No setting came to its end with every seed, so none is chosen."
    said = f"{describe(best.setting)}: {_percent(best.accuracies)} of {analysis.images[1]:,} validation images"
    if combined is None:
        return f"Chosen is the setting with the highest mean validation accuracy, {said}."
    if best is combined:
        return f"Chosen are the best values of all factors together, {said}, the highest mean of all settings."
    fate = (
        f"{combined.diverged} of {len(combined.outcomes)} trainings diverged"
        if combined.diverged
        else f"{_percent(combined.accuracies)}"
    )
    return (
        f"The best values of all factors together ({combined.label}) were tried as well: {fate}. "
        f"Chosen is a setting that did better, {said}."
    )


def describe(setting: Setting) -> str:
    """A setting in one line."""
    network = ", ".join(f"{name} {value}" for name, value in setting.arguments.items())
    decay = "" if setting.decay == 1 else f" times {setting.decay:g} after every epoch"
    return (
        f"{setting.architecture} with {network}; learning rate {setting.learning_rate:g}{decay}, "
        f"batches of {setting.batch_size}, {setting.epochs} epochs"
    )


def table(factor: Factor) -> list[dict[str, str]]:
    """One row per value, ready to print; accuracies are of the last epoch, means over the seeds."""
    return [
        {
            factor.title: f"{level.label}{' (baseline)' if level.value == factor.baseline else ''}",
            "validation accuracy": _percent(level.finished) if level.finished else "-",
            "gap to training": "-" if not level.gaps else f"{100 * statistics.mean(level.gaps):.2f} points",
            "lowest loss in epoch": "-" if not level.gaps else f"{statistics.mean(level.lowest_loss_epochs):.1f}",
            "seconds per epoch": f"{level.seconds_per_epoch:.2f}" if level.outcomes[0].history else "-",
            "diverged": f"{level.diverged} of {len(level.outcomes)}",
        }
        for level in factor.levels
    ]


def markdown_table(rows: list[dict[str, str]]) -> str:
    """The rows, which share their keys, as a table in markdown."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def insights(factor: Factor, images: int) -> list[str]:
    """Sentences about one factor; ``images`` is the number of validation images."""
    finished = [level for level in factor.levels if not level.diverged]
    sentences = [_best(factor, images), *_every_difference(factor), _luck(factor)]
    sentences += [
        f"With {_named(factor, level)}, {level.diverged} of {len(level.outcomes)} trainings diverged: "
        f"{next(outcome.complaint for outcome in level.outcomes if outcome.complaint)}"
        for level in factor.levels
        if level.diverged
    ]
    improving = [level for level in finished if min(level.lowest_loss_epochs) == level.setting.epochs]
    if improving:
        sentences.append(
            f"Still improving when training ended (lowest validation loss in the last epoch, with every seed): "
            f"{_listed(factor, improving)}. More epochs would help there."
        )
    turned = [level for level in finished if max(level.lowest_loss_epochs) < level.setting.epochs]
    if turned:
        sentences.append(
            f"Validation loss was lowest before the last epoch, with every seed: {_listed(factor, turned)}. "
            "From there on more training made it no lower."
        )
    if len(finished) > 1:
        sentences += [_gaps(factor, finished), _times(factor, finished)]
    return sentences


def _best(factor: Factor, images: int) -> str:
    best, start = factor.best, factor.start
    if best.diverged:
        return f"With no {factor.title} did every seed come to its end."
    said = f"{_named(factor, best)}, {_percent(best.accuracies)} of {images:,} validation images"
    if best is start:
        return f"Best is the baseline's {said}."
    if start.diverged:
        return f"Best is {said}; with the baseline's {factor.start.label} not every seed came to its end."
    gain = difference(best.accuracies, start.accuracies)
    judged = "more than the seeds explain" if gain.beyond_luck else "which the seeds alone may explain"
    return (
        f"Best is {said}: {_points(gain.mean)} above the baseline's {factor.start.label} "
        f"({_percent(start.accuracies)}), {_interval(gain.low, gain.high)}, {judged}."
    )


def _every_difference(factor: Factor) -> list[str]:
    """Which values do worse than the best, beyond what the seeds explain, and which might be as good."""
    best = factor.best
    others = [level for level in factor.levels if level is not best and not level.diverged]
    if best.diverged or not others:
        return []
    worse = [level for level in others if difference(best.accuracies, level.accuracies).beyond_luck]
    alike = [level for level in others if level not in worse]
    sentences = []
    if worse:
        shown = ", ".join(
            f"{level.label} ({_points(level.accuracy - best.accuracy)})"
            for level in sorted(worse, key=lambda level: level.accuracy)
        )
        sentences.append(f"Worse than {best.label}, by more than the seeds explain: {shown}.")
    if alike:
        values = ", ".join(level.label for level in alike)
        sentences.append(f"Not to be told from {best.label} with so few seeds: {values}.")
    return sentences


def _luck(factor: Factor) -> str:
    spread = max(
        (max(level.accuracies) - min(level.accuracies) for level in factor.levels if not level.diverged), default=0
    )
    return f"The seed alone moved the accuracy of one value by up to {_points(spread, sign=False)}."


def _gaps(factor: Factor, levels: list[Level]) -> str:
    ordered = sorted(levels, key=lambda level: statistics.mean(level.gaps))
    low, high = ordered[0], ordered[-1]
    return (
        f"Training accuracy minus validation accuracy, in the last epoch, lay between "
        f"{_points(statistics.mean(low.gaps))} ({low.label}) and {_points(statistics.mean(high.gaps))} ({high.label})."
    )


def _times(factor: Factor, levels: list[Level]) -> str:
    ordered = sorted(levels, key=lambda level: level.seconds_per_epoch)
    fast, slow = ordered[0], ordered[-1]
    return (
        f"An epoch took {fast.seconds_per_epoch:.2f} s at {fast.label} and {slow.seconds_per_epoch:.2f} s at "
        f"{slow.label} (median, one of several trainings side by side, validation included)."
    )


def _named(factor: Factor, level: Level) -> str:
    return f"{factor.title} {level.label}"


def _listed(factor: Factor, levels: list[Level]) -> str:
    return f"{factor.title} {', '.join(level.label for level in levels)}"


def _percent(accuracies: list[float]) -> str:
    low, high = 100 * min(accuracies), 100 * max(accuracies)
    return f"{100 * statistics.mean(accuracies):.2f} % ({low:.2f} to {high:.2f}, {len(accuracies)} seeds)"


def _points(share: float, sign: bool = True) -> str:
    return f"{100 * share:{'+' if sign else ''}.2f} points"


def _interval(low: float, high: float) -> str:
    return f"95 % interval {100 * low:+.2f} to {100 * high:+.2f}"
