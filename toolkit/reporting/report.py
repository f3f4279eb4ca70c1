"""The report: two pages of text and the figures, every number of it read from the runs' files."""

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from unicodedata import combining

import typst
from markdown_it import MarkdownIt

from toolkit.classes import DIGITS, things
from toolkit.errors import ToolkitError, printable
from toolkit.evaluation.statistics import nats
from toolkit.models.bundle import ModelCard
from toolkit.paths import write_file
from toolkit.training.adapting import FACTOR_NAMES

LAYOUT = Path(__file__).with_name("report.typ")
CALLED = {"last layer": "the last layer", "more layers": "more layers"}  # the searches in tuning.json
MOST_PAGES = 2  # of text; the figures come after
NUMBERS = ("no", "one", "two", "three", "four")
ALMOST = 0.005  # nats: a smaller rise of the loss is not called overfitting


@dataclass(frozen=True)
class FineTuned:
    """A fine-tuning run: its ``run.json`` and history, and how the report calls it."""

    name: str
    record: Mapping[str, Any]
    history: Sequence[Mapping[str, float]]


@dataclass(frozen=True)
class Evidence:
    """All that the report is written from: the content of the runs' files, nothing else."""

    card: ModelCard  # the pre-trained model's
    parameters: int  # of that one
    classes: Sequence[str]
    mnist: Mapping[str, float]  # the accuracy there of every published model
    before: Mapping[str, Any] | None  # fine-tuning: the score on Validation Set
    last: FineTuned
    more: FineTuned
    scores: Mapping[str, Any]  # scores.json
    compared: Mapping[str, Any]  # comparison.json
    tested: Mapping[str, Any]  # comparison_test.json
    tuning: Mapping[str, Any]  # tuning.json
    openings: int
    sizes: Sequence[tuple[int, int, int]]  # of the three sets: fewest and most images of a class, images in all


@dataclass(frozen=True)
class Picture:
    """A figure, its width as a share of the page's in percent."""

    file: Path
    caption: str
    width: int = 100


def write_report(
    path: Path, evidence: Evidence, pictures: Sequence[Picture], authors: list[str], ids: list[str], words: str
) -> int:
    """Typeset the report as a PDF; returns how many pages its text takes. ``words`` is the students' own Markdown.

    Raises ``ToolkitError`` when the text takes more than two pages, or a picture is missing.
    """
    sections = tell(evidence)
    if words.strip():
        sections.append(_section("In our own words", blocks=_blocks(words)))
    what = "a digit classifier" if things(evidence.classes) == "digits" else "a classifier"
    title = f"Assignment 4: fine-tuning {what} on our own handwriting"
    return typeset(path, {"title": title, "authors": authors, "ids": ids, "sections": sections}, pictures)


def typeset(path: Path, content: dict[str, Any], pictures: Sequence[Picture]) -> int:
    """Let ``report.typ`` lay ``content`` out as a PDF; returns and raises what ``write_report`` does."""
    with tempfile.TemporaryDirectory() as place:
        layout = Path(shutil.copy(LAYOUT, place))
        figures = []
        for number, picture in enumerate(pictures):
            name = f"{number}{picture.file.suffix}"
            try:
                shutil.copy(picture.file, Path(place, name))
            except OSError as error:
                raise ToolkitError(f"{picture.file} is missing: {error.strerror}. Make that run again.") from error
            figures.append({"file": name, "caption": picture.caption, "width": picture.width})
        inputs = {"data": json.dumps(_clean({**content, "figures": figures}))}
        try:
            (end,) = json.loads(typst.query(layout, "<text-end>", sys_inputs=inputs))
        except RuntimeError as error:
            raise ToolkitError(f"The report cannot be typeset: {error}. Make the runs it shows again.") from error
        pages = int(end["value"])
        if pages > MOST_PAGES:
            raise ToolkitError(f"The report's text takes {pages} pages, {MOST_PAGES} are allowed. Shorten --words.")
        write_file(path, typst.compile(layout, sys_inputs=inputs))
    return pages


def tell(evidence: Evidence) -> list[dict[str, Any]]:
    """The report's sections; a ``ToolkitError`` where the runs do not fit together."""
    sections = (_data, _pretrained, _tuning, _went_wrong, _accuracies, _layers, _limits)
    try:
        return [section(evidence) for section in sections]
    except (LookupError, ValueError) as error:
        raise ToolkitError(
            f"The runs that the report tells of do not fit together: {error!r}. Make them again."
        ) from error


def _section(title: str, *paragraphs: str, **more: Any) -> dict[str, Any]:
    return {"title": title, "paragraphs": list(paragraphs), **more}


def _clean(content: Any) -> Any:
    """The same with texts that can be typeset: no letters that no font has, no towers of accents."""
    if isinstance(content, str):
        # a third accent in a row goes: writing has two at most, and thousands end the typesetter
        pairs = zip(content, f"  {content}", strict=False)
        return printable("".join(letter for letter, before in pairs if not (combining(letter) and combining(before))))
    if isinstance(content, dict):
        return {name: _clean(value) for name, value in content.items()}
    return [_clean(value) for value in content] if isinstance(content, list) else content


def percent(share: float, digits: int = 1) -> str:
    """A share in percent."""
    return f"{100 * share:.{digits}f} %"


def _capital(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]


def _score(record: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """An accuracy, what it was counted on, and both ends of its interval without the sign."""
    digits = 2 if record["n"] >= 1000 else 1
    low, high = (f"{100 * end:.{digits}f}" for end in record["interval_95"])
    return percent(record["accuracy"], digits), f"{record['correct']:,} of {record['n']:,}", low, high


def _data(evidence: Evidence) -> dict[str, Any]:
    what, names = things(evidence.classes), ", ".join(evidence.classes[:20])
    more = ", ..." if len(evidence.classes) > 20 else ""
    classes = "ten classes" if tuple(evidence.classes) == DIGITS else f"{len(evidence.classes)} classes ({names}{more})"
    training, validation, test = (
        f"{fewest if fewest == most else f'{fewest} to {most}'} of each, {total} in all,"
        for fewest, most, total in evidence.sizes
    )
    return _section(
        "Data",
        f"Our {what} are 28x28 grayscale images, ink bright on black as in MNIST, {classes}, divided by class: "
        f"{training} to train (Training Set), {validation} to choose (Validation Set) and {test} to test (Test Set). "
        f"No two images are the same, all files were checked when they were loaded. Figure 1 shows {what} that were "
        "trained on. Test Set was not looked at while anything was chosen: every opening of it is logged, and when "
        f"this was written there had been {evidence.openings}. While training, {what} are shifted, turned, scaled, "
        "sheared and bent a little at random, never mirrored: that would turn a 2 into a 5.",
    )


def _pretrained(evidence: Evidence) -> dict[str, Any]:
    card, on_mnist = evidence.card, evidence.scores.get("pretrained_mnist")
    own = evidence.mnist.get(card.name, on_mnist["accuracy"] if on_mnist else 0.0)
    others = {name: share for name, share in evidence.mnist.items() if name != card.name}
    listed = ", ".join(f"{name} {percent(share, 2)}" for name, share in others.items())
    if others and own > max(others.values()):
        why = f"We took it because it reads more of MNIST's test images than the other published models ({listed})."
    elif others:
        why = f"It is not the best of the published models on MNIST's test images ({listed}): it was chosen by hand."
    else:
        why = "It is the only published model."
    score = "{} ({}; 95 % interval {} to {} %)"
    said = f"It reads {score.format(*_score(on_mnist))} of MNIST's test images. {why} " if on_mnist else ""
    if evidence.before:
        said += f"On our Validation Set it reads {score.format(*_score(evidence.before))} before any fine-tuning."
    else:
        common = len(set(card.classes) & set(evidence.classes))
        said += (
            f"It knows {common} of our {len(evidence.classes)} classes, so it got a new last layer, and there is no "
            "accuracy before fine-tuning."
        )
    return _section(
        "The pre-trained model",
        f"{card.name} has {evidence.parameters:,} parameters and was trained on "
        f"{'MNIST' if on_mnist else 'other classes'} for {card.options.get('epochs', 'an unknown number of')} "
        f"epochs. {said}",
    )


def _tuning(evidence: Evidence) -> dict[str, Any]:
    searches = evidence.tuning
    tried = {trial["n"] for found in searches.values() for trial in found["trials"] if trial["loss"] is not None} or {0}
    n, first = max(tried), min(tried)
    left = f" ({first} where a value was no better than the usual one in the first division)" if first < n else ""
    paragraphs = [
        f"The {evidence.sizes[1][2]:,} images of the Validation Set alone choose too much at random, so Training and "
        f"Validation Set were judged together: cross-validation, {n} held-out predictions for each trial{left}, one "
        "factor changed at a time from the usual values. A value replaced the usual one only where the held-out loss "
        "was lower by more than chance (95 % interval over images)."
    ]
    for name, found in searches.items():
        changed = [_capital(reason) for reason in found["reasons"] if " becomes " in reason or "together" in reason]
        kept = [reason.split(" stays ")[0] for reason in found["reasons"] if " stays " in reason]
        said = (
            f"For {CALLED[name]}, {len(found['trials'])} trials; the values used have a held-out loss of "
            f"{nats(found['loss'])} and {percent(found['accuracy'])} of {n} right. {' '.join(changed)}"
        )
        if kept:
            said += f" Kept as usual, because no other value was better beyond chance: {', '.join(kept)}."
        paragraphs.append(said)
    chosen = [found["options"]["lr"] for found in searches.values()]
    for tuned in (evidence.last, evidence.more):
        record, options = tuned.record, tuned.record["options"]
        reason = "from the search" if options["lr"] in chosen else record["lr_reason"]
        dropout = "as pre-trained" if options["dropout"] is None else f"{options['dropout']:g}"
        paragraphs.append(
            f"{_capital(tuned.name)}, as submitted: learning rate {options['lr']:.2g} ({reason}), "
            f"{options['epochs']} epochs, batches of {options['batch_size']}, augmentation {options['augment']:g}, "
            f"dropout {dropout}; the epoch with the lowest validation loss, {record['best_epoch']}, was kept. "
            f"Learning: {', '.join(record['learning'])}; frozen: {', '.join(record['frozen']) or 'nothing'}."
        )
    return _section("How the hyper-parameters were chosen", *paragraphs)


def _went_wrong(evidence: Evidence) -> dict[str, Any]:
    said = []
    for name, found in evidence.tuning.items():
        diverged = [_what_was_new(trial) for trial in found["trials"] if trial["diverged"]]
        if diverged:
            said.append(f"For {CALLED[name]}, training diverged with {' and '.join(diverged)}.")
        measured = [trial for trial in found["trials"] if trial["loss"] is not None]
        worst = max(measured, key=lambda trial: trial["loss"])
        said.append(
            f"The worst trial for {CALLED[name]} that ended was the one with {_what_was_new(worst)}: held-out loss "
            f"{nats(worst['loss'])}, {percent(worst['accuracy'])} right, against {nats(found['loss'])} and "
            f"{percent(found['accuracy'])} for what we use."
        )
    for tuned in (evidence.last, evidence.more):
        best, end = min(tuned.history, key=lambda row: row["validation_loss"]), tuned.history[-1]
        lowest, last = nats(best["validation_loss"]), nats(end["validation_loss"])
        rise = end["validation_loss"] - best["validation_loss"]
        if rise > ALMOST and end["training_loss"] < best["training_loss"]:
            said.append(
                f"With {tuned.name}, the model overfitted after epoch {best['epoch']:g}: validation loss rose from "
                f"{lowest} to {last} while training loss fell from {nats(best['training_loss'])} to "
                f"{nats(end['training_loss'])}."
            )
        else:
            said.append(
                f"With {tuned.name}, no overfitting was seen: validation loss was lowest, {lowest}, in epoch "
                f"{best['epoch']:g} of {end['epoch']:g}, and {last} at the end."
            )
    return _section("What went wrong on the way", " ".join(said))


def _what_was_new(trial: Mapping[str, Any]) -> str:
    new = trial["new"]
    groups = {"usual": "the usual values", "together": "the chosen values together"}
    return groups[new] if new in groups else f"{FACTOR_NAMES.get(new, new)} {trial[new]:g}"


def _accuracies(evidence: Evidence) -> dict[str, Any]:
    rows = [["Model", "Test images", "Right", "Accuracy", "95 % interval"]]
    for key, name, data in (
        ("pretrained_mnist", "pre-trained", "MNIST"),
        ("pretrained_own", "pre-trained", "our Test Set"),
        ("last_layer_own", evidence.last.name, "our Test Set"),
        ("n_layers_own", evidence.more.name, "our Test Set"),
    ):
        if key in evidence.scores:
            accuracy, right, low, high = _score(evidence.scores[key])
            rows.append([name, data, right, accuracy, f"{low} % to {high} %"])
    return _section(f"The {NUMBERS[len(rows) - 1]} accuracies", table=rows)


def _layers(evidence: Evidence) -> dict[str, Any]:
    compared, tested, ways = evidence.compared, evidence.tested, evidence.compared["ways"]
    rows = [["Fine-tuned", "Validation", "Test, mean", "Test, worst", "Loss", "Spread of curves", "Weights moved"]]
    for way, own in ways.items():
        first, *_, last = own["moved"].values()
        test = tested["ways"][way]
        rows.append(
            [
                way,
                percent(own["mean"]),
                f"{percent(test['mean'])} ± {100 * test['spread']:.1f}",
                percent(test["worst"]),
                nats(own["loss"]),
                "" if own["curve_spread"] is None else nats(own["curve_spread"]),
                f"{percent(first)}, {percent(last)}",
            ]
        )
    trained = [way for way in ways if ways[way]["curve_spread"] is not None]
    steady = min(trained, key=lambda way: ways[way]["curve_spread"])
    lowest = min(ways, key=lambda way: ways[way]["loss"])
    (first_group, first), *_, (last_group, last) = ways["all layers"]["moved"].items()
    *_, alone = ways["last layer"]["moved"].values()
    pairs = [pair for pair in tested["pairs"] if pair.first == "last layer" and pair.second != "last, then all"]
    return _section(
        "Last layer or more layers?",
        f"Each way was trained with {compared['seeds']} seeds, all with the same order of images "
        f"({compared['n']} validation and {tested['n']} test images; ± is the standard deviation over seeds; "
        "weights moved: first and last layer, as a share of their length). "
        f"The lowest validation loss at the end has {lowest} ({nats(ways[lowest]['loss'])} nats, last layer "
        f"{nats(ways['last layer']['loss'])}); the steadiest curves over seeds has {steady}. "
        f"Where all layers learn, the first ({first_group}) moved by {percent(first)} of its length and the last "
        f"({last_group}) by {percent(last)}; alone, the last layer moved by {percent(alone)}.",
        "On Test Set (McNemar's exact test counts images, the interval in brackets only seeds): "
        + " ".join(_capital(str(pair)) for pair in pairs),
        table=rows,
    )


def _limits(evidence: Evidence) -> dict[str, Any]:
    n, least = evidence.scores["n_layers_own"]["n"], evidence.scores["n_layers_own"]["interval_95"][0]
    return _section(
        "Limits",
        f"One of {n} test images is {100 / n:.3g} points, so with {evidence.more.name} all that is known of the "
        f"accuracy is that it lies above {percent(least)} (95 % interval). A difference between two models on "
        f"{n} images cannot be shown unless one of them alone is right on at least six. Nothing here says how "
        f"well {things(evidence.classes)} of other writers, pens and cameras would be read.",
    )


def _blocks(markdown: str) -> list[dict[str, Any]]:
    """Headings, paragraphs and list items of Markdown, their text in pieces: plain, em, strong or code."""
    blocks = []
    for before, token in pairwise(MarkdownIt().parse(markdown)):
        if token.type != "inline":
            continue
        kind = "heading" if before.type == "heading_open" else "item" if before.level > 1 else "paragraph"
        pieces, style = [], "plain"
        for child in token.children or []:
            if child.tag in ("em", "strong"):
                style = child.tag if child.nesting > 0 else "plain"
            else:
                text = " " if child.type in ("softbreak", "hardbreak") else child.content
                pieces.append({"kind": "code" if child.type == "code_inline" else style, "text": text})
        if pieces:
            blocks.append({"kind": kind, "pieces": pieces})
    return blocks
