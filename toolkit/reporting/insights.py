"""What the numbers of an analysis say, in sentences that hold whatever the numbers are."""

import statistics
from collections.abc import Sequence

from toolkit.evaluation.factors import Analysis, Factor, Level, difference
from toolkit.evaluation.statistics import nats
from toolkit.training.history import overfitted
from toolkit.training.trainings import Setting

PHRASES = {  # how a value is named in a sentence
    "learning_rate": "a learning rate of {}",
    "batch_size": "a batch size of {}",
    "neurons_per_layer": "{} neurons per layer",
    "hidden_layers": "{} hidden layers",
    "variant": "the variant {}",
}


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
        return "With every setting at least one training diverged, so none is chosen."
    said = f"{describe(best.setting)}. It reads {_percent(best.accuracies)} of {analysis.images[1]:,} validation images"
    if combined is None:
        return f"The setting with the highest mean validation accuracy is chosen: {said}."
    if best is combined:
        return f"Combining the best values of all factors gives the highest mean accuracy. It is chosen: {said}."
    diverged = f"{combined.diverged} of {len(combined.outcomes)} trainings diverged"
    fate = diverged if combined.diverged else f"it reads {_percent(combined.accuracies)}"
    return (
        f"The best values of all factors were also tried in combination ({combined.label}): {fate}. "
        f"A setting that does better is chosen: {said}."
    )


def describe(setting: Setting) -> str:
    """A setting in one line."""
    network = ", ".join(f"{name} {value}" for name, value in setting.arguments.items())
    decay = "" if setting.decay == 1 else f", times {setting.decay:g} after every epoch"
    return (
        f"{setting.architecture} with {network}; learning rate {setting.learning_rate:g}{decay}; "
        f"batch size {setting.batch_size}; {setting.epochs} epochs"
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
        shown = listed([f"{level.label} (by {100 * (best.accuracy - level.accuracy):.2f} points)" for level in ordered])
        sentences.append(f"{best.label} is better than {shown}, which chance between seeds does not explain.")
    if alike:
        seeds = f"{len(best.outcomes)} seeds are too few to tell {best.label} from {_labels(alike)}."
        sentences.append(seeds if worse else f"{seeds} They show no effect of this factor.")
    if finished:
        spread = max(max(level.accuracies) - min(level.accuracies) for level in finished)
        sentences.append(f"With everything else equal, the seed alone changes the accuracy by up to {_points(spread)}.")
    sentences += [
        f"With {named(factor, [level])}, {level.diverged} of {len(level.outcomes)} trainings diverged: "
        f"{next(outcome.complaint for outcome in level.outcomes if outcome.complaint)}"
        for level in factor.levels
        if level.diverged
    ]
    if improving := [level for level in finished if min(level.lowest_loss_epochs) == level.setting.epochs]:
        sentences.append(
            f"With {named(factor, improving)}, every seed has its lowest validation loss in the last epoch. "
            "More epochs may lower it further."
        )
    turned = [level for level in finished if max(level.lowest_loss_epochs) < level.setting.epochs]
    worn = [level for level in turned if all(overfitted(outcome.history) for outcome in level.outcomes)]
    if worn:
        rises = [overfitted(outcome.history) for level in worn for outcome in level.outcomes]
        sentences.append(
            f"With {named(factor, worn)}, every seed overfits: validation loss rises again, by {nats(min(rises))} to "
            f"{nats(max(rises))} nats, while training loss goes on falling."
        )
    if flat := [level for level in turned if level not in worn]:
        sentences.append(
            f"With {named(factor, flat)}, every seed has its lowest validation loss before the last epoch. "
            "Longer training does not lower it."
        )
    if others:
        low, *_, high = sorted(finished, key=lambda level: statistics.mean(level.gaps))
        fast, *_, slow = sorted(finished, key=lambda level: level.seconds_per_epoch)
        sentences += [
            "After the last epoch, training accuracy minus validation accuracy ranges from "
            f"{_points(statistics.mean(low.gaps), '+')} ({low.label}) to "
            f"{_points(statistics.mean(high.gaps), '+')} ({high.label}).",
            f"An epoch takes {fast.seconds_per_epoch:.2f} s with {fast.label} and {slow.seconds_per_epoch:.2f} s with "
            f"{slow.label} (median, validation included, several trainings side by side).",
        ]
    return sentences


def _best(factor: Factor, images: int) -> str:
    best, start = factor.best, factor.start
    if best.diverged:
        return f"Whatever the {factor.title}, at least one training diverged."
    said = f"The best accuracy comes with {named(factor, [best])}"
    read = f"{_percent(best.accuracies)} of {images:,} validation images"
    if best is start:
        return f"{said}, the baseline: {read}."
    if start.diverged:
        return f"{said}: {read}. With the baseline's {start.label}, not every training came to its end."
    gain = difference(best.accuracies, start.accuracies)
    judged = "does not explain that" if gain.beyond_luck else "may explain that"
    return (
        f"{said}: {read}. That is {_points(gain.mean)} more than with the baseline's {start.label} (95 % interval "
        f"{100 * gain.low:+.2f} to {100 * gain.high:+.2f}). Chance between seeds {judged}."
    )


def named(factor: Factor, levels: Sequence[Level]) -> str:
    """Values of a factor as a sentence names them."""
    return PHRASES.get(factor.name, f"{factor.title} {{}}").format(_labels(levels))


def listed(words: Sequence[str], last: str = "and") -> str:
    """``a, b and c``."""
    *before, end = words or [""]
    return f"{', '.join(before)} {last} {end}" if before else end


def _labels(levels: Sequence[Level]) -> str:
    return listed([level.label for level in levels], "or")


def _percent(accuracies: list[float]) -> str:
    low, high = 100 * min(accuracies), 100 * max(accuracies)
    return f"{100 * statistics.mean(accuracies):.2f} % ({low:.2f} to {high:.2f}, {len(accuracies)} seeds)"


def _points(share: float, sign: str = "") -> str:
    return f"{100 * share:{sign}.2f} points"
