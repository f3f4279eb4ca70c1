"""The report: two pages of text with figures, every number of it from the runs' files and the sets they used."""

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from unicodedata import combining

import typst
from markdown_it import MarkdownIt
from PIL import Image

from toolkit.classes import DIGITS, things
from toolkit.errors import ToolkitError, printable
from toolkit.evaluation.mistakes import Mistakes
from toolkit.evaluation.statistics import nats
from toolkit.models.bundle import ModelCard
from toolkit.paths import write_file
from toolkit.reporting.sentences import listed, many, percent, told
from toolkit.training.adapting import FACTOR_NAMES
from toolkit.training.history import Epoch, best_epoch, overfitted

LAYOUT = Path(__file__).with_name("report.typ")
CALLED = {  # the ways in comparison.json, as a sentence names them
    "last layer": "the last layer",
    "last two layers": "the last two layers",
    "all layers": "all layers",
    "last, then all": "the last layer first and then all",
}
LAYERS = {1: "the last layer", 2: "the last two layers", None: "all layers"}  # as a search counts them
NONE, ALONE = "no fine-tuning", "last layer"  # ways that the others are compared with
MOST_PAGES = 2  # of text; figures that do not fit among it come after
OFTEN, MOSTLY = 3, 0.6  # so many equal mistakes are no slip; so much of an image's evidence is most of it
UNCHANGED = 0.95  # of CKA: features that are more alike count as kept
GROUPS = 7  # columns of a table


@dataclass(frozen=True)
class FineTuned:
    """A fine-tuning run: its ``run.json`` and history, and how the report calls it."""

    name: str
    record: Mapping[str, Any]
    history: Sequence[Epoch]

    @property
    def layers(self) -> str:
        return self.name.removesuffix(" fine-tuned")


@dataclass(frozen=True, eq=False)
class Cut:
    """The run that cut the sets from photos: its options, a row for each image, the first photo if it is there."""

    options: Mapping[str, Any]
    rows: Sequence[Mapping[str, str]]  # of provenance.csv
    photo: Image.Image | None  # upright
    overlay: Path  # the same, small, with a frame around each image


@dataclass(frozen=True)
class Evidence:
    """All that the report is written from: the content of the runs' files, and what the model makes of the sets."""

    card: ModelCard  # the pre-trained model's
    parameters: int  # of that one
    classes: Sequence[str]
    mnist: Mapping[str, float]  # the accuracy there of every published model
    before: Mapping[str, Any] | None  # fine-tuning: the score on Validation Set
    mistakes: Mistakes | None  # then, on Training and Validation Set
    cut: Cut | None
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
    """A figure: pictures side by side, for the ``section`` that speaks of it as ``@name``.

    ``width`` is the share of the page's that all of them take, in percent; the text runs ``beside`` a narrow one.
    """

    name: str
    section: str
    files: tuple[Path, ...]
    caption: str
    width: int = 100
    beside: bool = False


def write_report(
    path: Path, evidence: Evidence, pictures: Sequence[Picture], authors: list[str], ids: list[str], words: str
) -> int:
    """Typeset the report as a PDF; returns how many pages its text takes. ``words`` is the students' own Markdown.

    ``pictures`` come in the order of their worth: as many of the first as fit stand where the text speaks of them.
    Raises ``ToolkitError`` when the text alone takes more than two pages, or a picture is missing.
    """
    sections = tell(evidence)
    if words.strip():
        sections.append(_section("words", blocks=_blocks(words)))
    what = "a digit classifier" if things(evidence.classes) == "digits" else "a classifier"
    title = f"Assignment 4: fine-tuning {what} on our own handwriting"
    return typeset(path, {"title": title, "authors": authors, "ids": ids, "sections": sections}, pictures)


def typeset(path: Path, content: dict[str, Any], pictures: Sequence[Picture]) -> int:
    """Let ``report.typ`` lay ``content`` out as a PDF; returns and raises what ``write_report`` does."""
    with tempfile.TemporaryDirectory() as place:
        layout, figures, pages = Path(shutil.copy(LAYOUT, place)), [], 0
        for picture in pictures:
            names = [f"{picture.name}_{number}{file.suffix}" for number, file in enumerate(picture.files)]
            for file, name in zip(picture.files, names, strict=True):
                try:
                    shutil.copy(file, Path(place, name))
                except OSError as error:
                    raise ToolkitError(f"{file} is missing: {error.strerror}. Make that run again.") from error
            figures.append({**asdict(picture), "files": names})
        for within in range(len(pictures), -1, -1):
            inputs = {"data": json.dumps(_clean({**content, "figures": figures})), "within": str(within)}
            try:
                (end,) = json.loads(typst.query(layout, "<text-end>", sys_inputs=inputs))
            except RuntimeError as error:
                raise ToolkitError(f"The report cannot be typeset: {error}. Make the runs it shows again.") from error
            if (pages := int(end["value"])) <= MOST_PAGES:
                write_file(path, typst.compile(layout, sys_inputs=inputs))
                return pages
    raise ToolkitError(f"The report's text takes {pages} pages, {MOST_PAGES} are allowed. Shorten --words.")


def tell(evidence: Evidence) -> list[dict[str, Any]]:
    """The report's sections; a ``ToolkitError`` where the runs do not fit together."""
    sections = (_data, _pretrained, _tuning, _went_wrong, _accuracies, _layers, _limits)
    try:
        return [section(evidence) for section in sections]
    except (LookupError, ValueError, TypeError) as error:
        raise ToolkitError(
            f"The runs that the report tells of do not fit together: {error!r}. Make them again."
        ) from error


def _section(name: str, *content: str | list[list[str]], **more: Any) -> dict[str, Any]:
    """Paragraphs and tables, in their order."""
    return {"name": name, "title": told(name, {}, "title"), "content": [said for said in content if said], **more}


def _clean(content: Any) -> Any:
    """The same with texts that can be typeset: no letters that no font has, no towers of accents."""
    if isinstance(content, str):
        # a third accent in a row goes: writing has two at most, and thousands end the typesetter
        pairs = zip(content, f"  {content}", strict=False)
        return printable("".join(letter for letter, before in pairs if not (combining(letter) and combining(before))))
    if isinstance(content, dict):
        return {name: _clean(value) for name, value in content.items()}
    return [_clean(value) for value in content] if isinstance(content, list) else content


def _score(record: Mapping[str, Any]) -> dict[str, str]:
    """An accuracy, what it was counted on, and both ends of its interval without the sign; all of it as ``score``."""
    digits = 2 if record["n"] >= 1000 else 1
    low, high = (f"{100 * end:.{digits}f}" for end in record["interval_95"])
    accuracy, right = percent(record["accuracy"], digits), f"{record['correct']:,} of {record['n']:,}"
    score = f"{accuracy} ({right}; 95 % interval {low} to {high} %)"
    return {"accuracy": accuracy, "right": right, "low": low, "high": high, "score": score}


def _what(evidence: Evidence) -> str:
    return "digits" if things(evidence.classes) == "digits" else "characters"


def _factor(name: str) -> str:
    return FACTOR_NAMES.get(name, name)


def _data(evidence: Evidence) -> dict[str, Any]:
    facts: dict[str, Any] = {"what": _what(evidence), "openings": evidence.openings}
    for part, (fewest, most, total) in zip(("training", "validation", "test"), evidence.sizes, strict=True):
        facts[part] = f"{fewest if fewest == most else f'{fewest} to {most}'} images ({total} in all)"
    facts["count"] = len(evidence.classes)
    facts["names"] = ", ".join(evidence.classes[:20]) + (", ..." if facts["count"] > 20 else "")
    kind = "digits" if tuple(evidence.classes) == DIGITS else "others"
    sets = told("data", facts, kind, "sets", f"mirrored_{kind}")
    if not (cut := evidence.cut):
        return _section("data", sets)
    corrections = sum(len(cut.options[name]) for name in ("skip", "label", "add"))
    facts |= {
        "sheets": cut.options["photos"] if (photos := len(cut.options["photos"])) > 1 else "",
        "photos": photos,
        "degrees": cut.rows[0]["turned"],
        "found": len(cut.rows),
        "rows": many(len({(row["photo"], row["row"]) for row in cut.rows}), "row"),
        "corrections": many(corrections, "correction"),
        "doubtful": sum(bool(row["doubts"]) for row in cut.rows) or "none",
        "seed": cut.options["seed"],
        "megapixels": cut.photo.width * cut.photo.height / 1e6 if cut.photo else 0,
    }
    taken = "written_on_sheets" if photos > 1 else "written_on_a_sheet"
    turned = facts["degrees"] != "0" and "turned"
    by_hand = "corrected" if corrections else "not_corrected"
    size = bool(cut.photo and photos == 1) and "megapixels"
    return _section("data", told("data", facts, taken, size, "found", turned, by_hand, "drawn"), sets)


def _pretrained(evidence: Evidence) -> dict[str, Any]:
    card, on_mnist = evidence.card, evidence.scores.get("pretrained_mnist")
    own = evidence.mnist.get(card.name, on_mnist["accuracy"] if on_mnist else 0.0)
    others = {name: share for name, share in evidence.mnist.items() if name != card.name}
    facts = {
        "name": card.name,
        "parameters": evidence.parameters,
        "data": "MNIST" if on_mnist else "other classes",
        "epochs": card.options.get("epochs", "an unknown number of"),
        "on_mnist": _score(on_mnist)["score"] if on_mnist else "",
        "others": listed([f"{name} {percent(share, 2)}" for name, share in others.items()]),
        "before": _score(evidence.before)["score"] if evidence.before else "",
        "common": len(set(card.classes) & set(evidence.classes)),
        "count": len(evidence.classes),
    }
    why = "only" if not others else "best" if own > max(others.values()) else "not_best"
    before = "before" if evidence.before else "new_layer"
    said = told("pretrained", facts, "model", on_mnist and "on_mnist", on_mnist and why, before)
    return _section("pretrained", said, _misread(evidence.mistakes) if evidence.mistakes else "")


def _misread(mistakes: Mistakes) -> str:
    """What it misread in this hand and why, as far as the mistakes tell."""
    common = [pair for pair in mistakes.pairs if pair[2] >= OFTEN][:3]
    names = [f"{'all' if n == of else f'{n} of the'} {of} images of {true} as {read}" for true, read, n, of in common]
    right, wrong = mistakes.sure
    facts: dict[str, Any] = {"n": mistakes.n, "count": sum(pair[2] for pair in mistakes.pairs), "pairs": listed(names)}
    facts |= {"right": percent(right, 0), "wrong": percent(wrong, 0)}
    share = 0.0
    if common and mistakes.explained:
        facts["true"], facts["read"], *_ = common[0]
        facts["half"], share = mistakes.where(facts["true"], facts["read"])
        facts["share"] = percent(share, 0)
    if not mistakes.pairs:
        return told("pretrained", facts, "none_misread")
    sure = "less_sure" if wrong < right else "no_less_sure"
    why = ("often", share >= MOSTLY and "where") if common else ("seldom",)
    return told("pretrained", facts, "misread", *why, sure)


def _searches(evidence: Evidence) -> list[tuple[FineTuned, Mapping[str, Any], Sequence[Mapping[str, Any]]]]:
    """Each search with what was submitted after it, and its trials of so many layers, the usual one first."""
    return [
        (own, found, [trial for trial in found["trials"] if trial["layers"] == (found["layers"] or "all")])
        for own, found in zip((evidence.last, evidence.more), evidence.tuning.values(), strict=True)
    ]


def _tuning(evidence: Evidence) -> dict[str, Any]:
    searches = _searches(evidence)
    names = [LAYERS[found["layers"]].removeprefix("the ") for _, found, _ in searches]
    rows = [["Factor", *(f"{name}, {word}" for name in names for word in ("tried", "used"))]]
    for factor in dict.fromkeys(factor for _, found, _ in searches for factor in found["options"]):
        row = [_factor(factor)]
        for own, _, trials in searches:
            tried, used = {trial[factor] for trial in trials if factor in trial}, own.record["options"].get(factor)
            row += [", ".join(f"{v:.2g}" for v in sorted(tried)), "as trained" if used is None else f"{used:.2g}"]
        rows.append(row)
    said = []
    for own, found, (usual, *_) in searches:
        options = found["options"].items()
        changed = [f"{_factor(f)} from {usual[f]:.2g} to {value:.2g}" for f, value in options if value != usual[f]]
        others = [_factor(name) for name, value in options if own.record["options"].get(name) != value]
        layers = LAYERS[found["layers"]]
        others += ["the number of layers"] if own.layers != layers else []
        facts = {"layers": layers, "changed": listed(changed), "others": listed(others)}
        facts |= {"before": nats(usual["loss"]), "after": nats(found["loss"]), "right": percent(found["accuracy"])}
        said.append(told("tuning", facts, "changed" if changed else "kept", others and "departs"))
    epochs = [f"epoch {o.record['best_epoch']} of {len(o.history)} for {o.layers}" for o, *_ in searches]
    n, predictions = evidence.sizes[1][2], max(trial["n"] for *_, trials in searches for trial in trials)
    method = told("tuning", {"n": n, "points": 100 / n, "predictions": predictions}, "method")
    said.append(told("tuning", {"epochs": listed(epochs)}, "submitted"))
    return _section("tuning", method, rows, " ".join(said))


def _went_wrong(evidence: Evidence) -> dict[str, Any]:
    diverged, bad, idle, said = [], [], [], []
    for _, found, (usual, *trials) in _searches(evidence):
        layers = LAYERS[found["layers"]]
        diverged += [f"{_what_was_new(trial)} ({layers})" for trial in found["trials"] if trial["diverged"]]
        measured = [trial for trial in trials if not trial["diverged"]]
        worst = max(measured, key=lambda trial: trial["loss"], default=usual)
        if worst["loss_95_from"] > found["loss"]:
            bad.append(f"{_what_was_new(worst)} ({layers}: {nats(worst['loss'])} instead of {nats(found['loss'])})")
        moving = {
            t["new"] for t in trials if t["diverged"] or not t["loss_95_from"] <= usual["loss"] <= t["loss_95_to"]
        }
        factors = {f for f, value in found["options"].items() if value == usual[f]} & {t["new"] for t in trials}
        names = [_factor(factor) for factor in found["options"] if factor in factors - moving]
        idle += [f"{listed(names)} ({layers})"] if names else []
    for own in (evidence.last, evidence.more):
        best, end = best_epoch(own.history), own.history[-1]
        facts = {"name": own.name, "epoch": best.epoch}
        facts |= {"lowest": nats(best.validation_loss), "last": nats(end.validation_loss)}
        facts |= {"before": nats(best.training_loss), "after": nats(end.training_loss)}
        calm = "lowest_at_end" if best is end else "not_overfitted"
        said.append(told("wrong", facts, "overfitted" if overfitted(own.history) else calm))
    facts = {"diverged": listed(diverged), "bad": listed(bad), "idle": "; ".join(idle)}
    first = told("wrong", facts, "diverged" if diverged else "none_diverged", bad and "bad", idle and "idle")
    return _section("wrong", f"{first} {' '.join(said)}")


def _what_was_new(trial: Mapping[str, Any]) -> str:
    new = trial["new"]
    return "the chosen values together" if new == "together" else f"{_factor(new)} {trial[new]:.2g}"


def _accuracies(evidence: Evidence) -> dict[str, Any]:
    rows = [["Model", "Test images", "Right", "Accuracy", "95 % interval"]]
    for key, name, data in (
        ("pretrained_mnist", "pre-trained", "MNIST"),
        ("pretrained_own", "pre-trained", "our Test Set"),
        ("last_layer_own", evidence.last.name, "our Test Set"),
        ("n_layers_own", evidence.more.name, "our Test Set"),
    ):
        if key in evidence.scores:
            own = _score(evidence.scores[key])
            rows.append([name, data, own["right"], own["accuracy"], f"{own['low']} % to {own['high']} %"])
    return _section("accuracies", rows)


def _layers(evidence: Evidence) -> dict[str, Any]:
    compared, tested = evidence.compared, evidence.tested
    rows = [["Fine-tuned", "Validation", "Test", "Test, worst seed", "Validation loss", "Spread of curves"]]
    for way, own in compared["ways"].items():
        test, spread = tested["ways"][way], own["curve_spread"]
        means = [f"{percent(part['mean'])} ± {100 * part['spread']:.1f}" for part in (own, test)]
        rows.append([way, *means, percent(test["worst"]), nats(own["loss"]), "" if spread is None else nats(spread)])
    trained = {way: own for way, own in compared["ways"].items() if own["curve_spread"] is not None}
    groups = list(trained[ALONE]["moved"])
    shown = groups if len(groups) <= GROUPS else [*groups[: GROUPS // 2], *groups[-(GROUPS + 1) // 2 :]]
    moves = [["Weights moved, CKA", *shown]]
    moves += [[way, *(_moved(own, group) for group in shown)] for way, own in trained.items()]
    facts = {"seeds": compared["seeds"], "n": compared["n"], "test": tested["n"]}
    first, last = told("layers", facts, "method"), told("layers", facts, "moved")
    said = f"{_losses_and_stability(trained)} {_tested(tested)}"
    return _section("layers", first, rows, said, moves, f"{last} {_moves(trained)}")


def _moved(own: Mapping[str, Any], group: str) -> str:
    if not (moved := own["moved"][group]):
        return "frozen"
    cka = own.get("cka", {}).get(group)
    return percent(moved, 0 if moved >= 0.1 else 1) + (f", {cka:.2f}" if cka is not None else "")


def _losses_and_stability(trained: Mapping[str, Any]) -> str:
    """Which way ends with the lowest loss, and which depends least on the seed, in its accuracy and in its curves."""
    lowest = min(trained, key=lambda way: trained[way]["loss"])
    accuracy, curves = (
        [CALLED[way] for way, own in trained.items() if own[key] < min(o[key] for o in trained.values()) + 1e-9]
        for key in ("spread", "curve_spread")
    )
    both = [way for way in accuracy if way in curves]
    facts = {"way": CALLED[lowest], "loss": nats(trained[lowest]["loss"]), "alone": nats(trained[ALONE]["loss"])}
    facts |= {"both": listed(both, "or"), "accuracy": listed(accuracy, "or"), "curves": listed(curves, "or")}
    return told("layers", facts, "alone_lowest" if lowest == ALONE else "lowest", "stable" if both else "stability")


def _tested(tested: Mapping[str, Any]) -> str:
    """What the Test Set says of fine-tuning, and of the last layer alone against more layers."""
    ways = {**tested["ways"]}
    before, most = ways.pop(NONE, None), max(own["mean"] for way, own in ways.items() if way != NONE)
    best = [CALLED[way] for way, own in ways.items() if own["mean"] > most - 1e-9]
    pairs = [pair for pair in tested["pairs"] if pair.first == ALONE]
    largest = max(pairs, key=lambda pair: abs(pair.difference))
    differ = [pair for pair in pairs if pair.test.shown]
    shown = [f"{CALLED[pair.second]} {100 * pair.difference:+.1f} points (p = {pair.test.p:.2g})" for pair in differ]
    facts = {"ways": listed(best, "or"), "most": percent(most), "shown": listed(shown), "n": tested["n"]}
    facts |= {"points": 100 * largest.difference, "largest": CALLED[largest.second], "images": largest.images}
    facts |= {"p": min(pair.test.p for pair in pairs), "before": percent(before["mean"]) if before else ""}
    gained = before and ("best_tested" if most > before["mean"] + 1e-9 else "none_better")
    return told("layers", facts, gained, *(("shown",) if shown else ("none_shown", largest.images and "needed")))


def _moves(trained: Mapping[str, Any]) -> str:
    """What each layer group learned where all do, and why the last one moves as far as it does alone."""
    everything, alone = trained["all layers"], trained[ALONE]
    *_, beside = everything["moved"].values()
    *_, own = alone["moved"].values()
    facts = {"alone": percent(own), "beside": percent(beside)}
    facts |= {"own_loss": nats(alone["loss"]), "all_loss": nats(everything["loss"])}
    keys: list[str] = []
    if cka := everything.get("cka"):
        steps = [(before - after, name) for before, (name, after) in zip((1, *cka.values()), cka.items(), strict=False)]
        fell, group = max(steps)
        kept = [name for name, alike in cka.items() if alike > UNCHANGED]
        facts |= {"group": group, "fell": f"{fell:.2f}", "cka": f"{cka[group]:.2f}", "kept": listed(kept)}
        keys = ["still"] if len(kept) == len(cka) else ["changed", "hardly"] if kept else ["changed"]
    keys.append("no_further" if own <= beside else "beyond_length" if own > 1 else "further")
    if own > beside:
        keys += ["has_to", "not_enough" if alone["loss"] > everything["loss"] else "enough"]
    return told("layers", facts, *keys)


def _limits(evidence: Evidence) -> dict[str, Any]:
    record, what = evidence.scores["n_layers_own"], _what(evidence)
    facts = {"n": record["n"], "points": 100 / record["n"], "least": percent(record["interval_95"][0]), "what": what}
    return _section("limits", told("limits", {**facts, "name": evidence.more.name}, "text"))


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
