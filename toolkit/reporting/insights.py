"""What the numbers of an analysis say, in sentences that hold whatever the numbers are."""

import statistics
from collections.abc import Sequence
from typing import Any

from toolkit.evaluation.factors import Analysis, Factor, Level, leads
from toolkit.evaluation.statistics import nats
from toolkit.reporting.sentences import listed, phrase, told
from toolkit.training.history import overfitted
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
    facts = {"setting": describe(best.setting), "accuracy": _percent(best.accuracies), "images": analysis.images[1]}
    if combined:
        facts |= {"combined": combined.label, "combined_accuracy": _percent(combined.accuracies)}
        facts |= {"diverged": combined.diverged, "of": len(combined.outcomes)}
    if best.diverged:
        return told("choice", facts, "none")
    if combined is None or best is combined:
        return told("choice", facts, "combined_best" if combined else "best", "reads")
    return told("choice", facts, "combined_diverged" if combined.diverged else "combined_worse", "other_best", "reads")


def describe(setting: Setting) -> str:
    """A setting in one line."""
    network = ", ".join(f"{name} {value}" for name, value in setting.arguments.items())
    decay = "" if setting.decay == 1 else f", times {setting.decay:g} after every epoch"
    return (
        f"{setting.architecture} with {network}; learning rate {setting.learning_rate:g}{decay}; "
        f"batch size {setting.batch_size}; {setting.epochs} epoch{'s' * (setting.epochs != 1)}"
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
    best, start, finished = factor.best, factor.start, [level for level in factor.levels if not level.diverged]
    others = [level for level in finished if level is not best]
    ahead = dict(zip((level.label for level in others), leads(best, others), strict=True))
    worse = [level for level in others if ahead[level.label].beyond_luck]
    worse.sort(key=lambda level: level.accuracy)
    alike = [level for level in others if level not in worse]
    facts: dict[str, Any] = {
        "title": factor.title,
        "images": images,
        "best_named": named(factor, [best]),
        "best_label": best.label,
        "best": _percent(best.accuracies),
        "start_label": start.label,
        "worse": listed([f"{level.label} (by {_points(best.accuracy - level.accuracy)})" for level in worse]),
        "alike": _labels(alike),
        "seeds": len(best.outcomes),
    }
    if best.diverged:
        first = ["all_diverged"]
    elif best is start:
        first = ["baseline_best"]
    elif start.diverged:
        first = ["best", "start_diverged"]
    else:
        gain = ahead[start.label]
        facts |= {"gain": _points(gain.mean), "gain_low": 100 * gain.low, "gain_high": 100 * gain.high}
        first = ["best", "gain", "unexplained" if gain.beyond_luck else "explained"]
    told_of = [first, ["worse"] if worse else [], ["alike"] + ([] if worse else ["no_effect"]) if alike else []]
    if finished:
        facts["spread"] = _points(max(max(level.accuracies) - min(level.accuracies) for level in finished))
        told_of.append(["spread"])
    sentences = [told("factor", facts, *keys) for keys in told_of]
    for level in factor.levels:
        complaint = next((outcome.complaint for outcome in level.outcomes if outcome.complaint), "")
        how = {"named": named(factor, [level]), "count": level.diverged, "of": len(level.outcomes)}
        sentences.append(told("factor", {**how, "complaint": complaint}, level.diverged > 0 and "diverged"))
    improving = [level for level in finished if min(level.lowest_loss_epochs) == level.setting.epochs]
    turned = [level for level in finished if max(level.lowest_loss_epochs) < level.setting.epochs]
    worn = [level for level in turned if all(overfitted(outcome.history) for outcome in level.outcomes)]
    flat = [level for level in turned if level not in worn]
    rises = [overfitted(outcome.history) for level in worn for outcome in level.outcomes] or [0.0]
    facts |= {"improving": named(factor, improving), "overfitted": named(factor, worn), "flat": named(factor, flat)}
    facts |= {"least": nats(min(rises)), "most": nats(max(rises))}
    for levels, key in ((improving, "improving"), (worn, "overfitted"), (flat, "flat")):
        sentences.append(told("factor", facts, levels and key))
    if others:
        low, *_, high = sorted(finished, key=lambda level: statistics.mean(level.gaps))
        fast, *_, slow = sorted(finished, key=lambda level: level.seconds_per_epoch)
        for name, level in {"low": low, "high": high, "fast": fast, "slow": slow}.items():
            gap, seconds = _points(statistics.mean(level.gaps), "+"), level.seconds_per_epoch
            facts |= {name: level.label, f"{name}_gap": gap, f"{name}_seconds": seconds}
        sentences += [told("factor", facts, "gaps"), told("factor", facts, "seconds")]
    return [sentence for sentence in sentences if sentence]


def named(factor: Factor, levels: Sequence[Level]) -> str:
    """Values of a factor as a sentence names them."""
    values = _labels(levels)
    said = phrase(factor.name, f"{factor.title} {{}}").format(values)
    return said.removesuffix("s") if values == "1" else said


def _labels(levels: Sequence[Level]) -> str:
    return listed([level.label for level in levels], "or")


def _percent(accuracies: list[float]) -> str:
    low, high = 100 * min(accuracies), 100 * max(accuracies)
    return f"{100 * statistics.mean(accuracies):.2f} % ({low:.2f} to {high:.2f}, {len(accuracies)} seeds)"


def _points(share: float, sign: str = "") -> str:
    return f"{100 * share:{sign}.2f} points"
