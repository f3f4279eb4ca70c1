"""What the numbers of an analysis say, in sentences that hold whatever the numbers are."""

import statistics

from toolkit.evaluation.factors import Analysis, Factor, Level, difference
from toolkit.training.trainings import Setting


def analysis_page(analysis: Analysis, recipe: str) -> str:
    """Tables, sentences and figures (by file name) of all factors, in markdown."""
    parts = [f"# {recipe}: one factor at a time\n\n![all factors](overview.png)\n"]
    for factor in analysis.factors:
        section = factor_section(factor, analysis.images[1])
        parts.append(f"## {factor.title.capitalize()}\n\n{section}\n![{factor.title}]({factor.name}.png)\n")
    return "\n".join([*parts, f"## The choice\n\n{choice(analysis)}\n"])


def factor_section(factor: Factor, images: int) -> str:
    """Table and sentences of one factor, in markdown; ``images`` is the number of validation images."""
    rows = table(factor)
    cells = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join([*lines, "", *(f"- {sentence}" for sentence in insights(factor, images)), ""])


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
    diverged = f"{combined.diverged} of {len(combined.outcomes)} trainings diverged"
    fate = diverged if combined.diverged else _percent(combined.accuracies)
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


def insights(factor: Factor, images: int) -> list[str]:
    """Sentences about one factor; ``images`` is the number of validation images."""
    best, finished = factor.best, [level for level in factor.levels if not level.diverged]
    others = [level for level in finished if level is not best]
    worse = [level for level in others if difference(best.accuracies, level.accuracies).beyond_luck]
    alike = [level for level in others if level not in worse]
    sentences = [_best(factor, images)]
    if worse:
        ordered = sorted(worse, key=lambda level: level.accuracy)
        shown = ", ".join(f"{level.label} ({_points(level.accuracy - best.accuracy)})" for level in ordered)
        sentences.append(f"Worse than {best.label}, by more than the seeds explain: {shown}.")
    if alike:
        sentences.append(f"Not to be told from {best.label} with so few seeds: {_labels(alike)}.")
    spread = max((max(level.accuracies) - min(level.accuracies) for level in finished), default=0)
    sentences.append(f"The seed alone moved the accuracy of one value by up to {100 * spread:.2f} points.")
    sentences += [
        f"With {factor.title} {level.label}, {level.diverged} of {len(level.outcomes)} trainings diverged: "
        f"{next(outcome.complaint for outcome in level.outcomes if outcome.complaint)}"
        for level in factor.levels
        if level.diverged
    ]
    if improving := [level for level in finished if min(level.lowest_loss_epochs) == level.setting.epochs]:
        sentences.append(
            f"Still improving when training ended (lowest validation loss in the last epoch, with every seed): "
            f"{factor.title} {_labels(improving)}. More epochs would help there."
        )
    if turned := [level for level in finished if max(level.lowest_loss_epochs) < level.setting.epochs]:
        sentences.append(
            f"Validation loss was lowest before the last epoch, with every seed: {factor.title} {_labels(turned)}. "
            "From there on more training made it no lower."
        )
    if others:
        low, *_, high = sorted(finished, key=lambda level: statistics.mean(level.gaps))
        fast, *_, slow = sorted(finished, key=lambda level: level.seconds_per_epoch)
        sentences += [
            "Training accuracy minus validation accuracy, in the last epoch, lay between "
            f"{_points(statistics.mean(low.gaps))} ({low.label}) and "
            f"{_points(statistics.mean(high.gaps))} ({high.label}).",
            f"An epoch took {fast.seconds_per_epoch:.2f} s at {fast.label} and {slow.seconds_per_epoch:.2f} s at "
            f"{slow.label} (median, one of several trainings side by side, validation included).",
        ]
    return sentences


def _best(factor: Factor, images: int) -> str:
    best, start = factor.best, factor.start
    if best.diverged:
        return f"With no {factor.title} did every seed come to its end."
    said = f"{factor.title} {best.label}, {_percent(best.accuracies)} of {images:,} validation images"
    if best is start:
        return f"Best is the baseline's {said}."
    if start.diverged:
        return f"Best is {said}; with the baseline's {start.label} not every seed came to its end."
    gain = difference(best.accuracies, start.accuracies)
    judged = "more than the seeds explain" if gain.beyond_luck else "which the seeds alone may explain"
    return (
        f"Best is {said}: {_points(gain.mean)} above the baseline's {start.label} ({_percent(start.accuracies)}), "
        f"95 % interval {100 * gain.low:+.2f} to {100 * gain.high:+.2f}, {judged}."
    )


def _labels(levels: list[Level]) -> str:
    return ", ".join(level.label for level in levels)


def _percent(accuracies: list[float]) -> str:
    low, high = 100 * min(accuracies), 100 * max(accuracies)
    return f"{100 * statistics.mean(accuracies):.2f} % ({low:.2f} to {high:.2f}, {len(accuracies)} seeds)"


def _points(share: float) -> str:
    return f"{100 * share:+.2f} points"
