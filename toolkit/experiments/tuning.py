"""Choosing hyper-parameters from 100 images: one factor at a time, judged by cross-validation.

Twenty images choose almost at random: the best of twelve equal 90 % models shows 98.9 % on them. So Training and
Validation Set are put together, every image is held out in turn, and a value replaces the usual one only where it
makes the loss on held-out images lower beyond chance, and by more than next to nothing.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.model_selection import StratifiedKFold

from toolkit.data.image_sets import ImageSets
from toolkit.data.labelled_images import LabelledImages
from toolkit.errors import ToolkitError
from toolkit.evaluation.scores import predict_logits
from toolkit.evaluation.statistics import bootstrap_interval, nats
from toolkit.models.bundle import ModelCard, ModelFiles
from toolkit.paths import STATE
from toolkit.training.adapting import ADAPTATIONS, FACTOR_NAMES, Adaptation, adapt, load_for
from toolkit.training.fit import LossNotFiniteError
from toolkit.training.history import ALMOST
from toolkit.training.state import SavedState
from toolkit.training.sweeps import Job

FACTORS: dict[str, tuple[Any, ...]] = {
    "lr": (0.3, 3),  # times the usual rate
    "epochs": (10, 30),
    "batch_size": (32,),
    "augment": (0.0, 2.0),
    "dropout": (0.5,),
}


Candidate = tuple[str, Adaptation]  # what is new in it
Attempt = Callable[[Sequence[Candidate], int], "list[Trial]"]  # on the first so many folds of all repeats


@dataclass(frozen=True)
class Trial:
    """A way to fine-tune and how it did on images that were held out."""

    how: Adaptation
    factor: str  # what is new in it
    losses: np.ndarray  # (repeats, images), in nats, NaN where not held out yet; empty where training diverged
    right: np.ndarray  # the same, 0 or 1
    diverged: str = ""

    @property
    def loss(self) -> float:
        return float(np.nanmean(self.losses)) if self.losses.size else float("inf")

    @property
    def accuracy(self) -> float:
        return float(np.nanmean(self.right)) if self.right.size else float("nan")

    @property
    def n(self) -> int:
        """How often an image was held out."""
        return int(np.isfinite(self.losses).sum())

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the mean loss over images."""
        return bootstrap_interval(_by_image(self.losses))

    def beside(self, usual: "Trial") -> tuple[float, float, tuple[float, float]]:
        """Its loss and the ``usual`` one's on images that both held out, and the 95 % interval of the difference."""
        both = min(len(self.losses), len(usual.losses))
        own, other = self.losses[:both], np.where(np.isfinite(self.losses[:both]), usual.losses[:both], np.nan)
        return float(np.nanmean(own)), float(np.nanmean(other)), bootstrap_interval(_by_image(own - other))

    def as_row(self, usual: "Trial") -> dict[str, Any]:
        """What ``trials.csv`` and the spreadsheet keep, the interval being that of the difference from ``usual``.

        Who was given up early was tried on fewer images: its loss is the usual one's, times what it is of it on these.
        """
        loss, low, high = None, None, None
        if self is usual:
            loss, (low, high) = self.loss, self.interval
        elif not self.diverged:
            own, other, ends = self.beside(usual)
            scale = usual.loss / other if other else 1.0
            loss, low, high = (scale * value for value in (own, *(other + end for end in ends)))
        return {
            "new": self.factor,
            "layers": self.how.layers or "all",
            **options(self.how),
            "loss": loss,
            "loss_95_from": low,
            "loss_95_to": high,
            "accuracy": None if self.diverged else self.accuracy,
            "n": self.n,
            "diverged": self.diverged,
        }

    def __str__(self) -> str:
        said = ", ".join(f"{FACTOR_NAMES.get(name, name)} {value:g}" for name, value in options(self.how).items())
        if self.diverged:
            return f"{_count(self)}, {said}: diverged"
        low, high = map(nats, self.interval)
        right = f"{100 * self.accuracy:.1f} % of {self.n} right"
        return f"{_count(self)}, {said}: held-out loss {nats(self.loss)} (95 % interval {low} to {high}), {right}"


def options(how: Adaptation) -> dict[str, Any]:
    """The value of every factor, for a recipe that fine-tunes; no ``dropout`` where the network takes none."""
    return {factor: getattr(how, factor) for factor in FACTORS if getattr(how, factor) is not None}


def usual_settings(layers: int | None) -> Adaptation:
    """Where a search begins: with no dropout, whatever the model was trained with."""
    return replace(ADAPTATIONS[layers], dropout=0.0)


def alternatives(usual: Adaptation) -> list[Candidate]:
    """All that differ from ``usual`` in one factor, with that factor."""
    changes = [(factor, value) for factor in options(usual) for value in FACTORS[factor]]
    return [(factor, replace(usual, **{factor: usual.lr * v if factor == "lr" else v})) for factor, v in changes]


def _by_image(losses: np.ndarray) -> np.ndarray:
    """The mean over repeats, of each image that was held out."""
    return np.nanmean(losses[:, np.isfinite(losses).any(axis=0)], axis=0)


def trial_jobs(how: Adaptation, folds: int, repeats: int, sets: str, card: ModelCard) -> list[Job]:
    """One job per repeat and fold, repeat by repeat; ``sets`` and what is taken from ``card`` name data and model."""
    network = [card.architecture, card.arguments, card.classes, card.weights_sha256]
    known = {"how": asdict(how), "folds": folds, "sets": sets, "network": network}
    return [{**known, "repeat": repeat, "fold": fold} for repeat in range(repeats) for fold in range(folds)]


def check_folds(folds: int, images: LabelledImages) -> None:
    """Raise ``ToolkitError`` where a class has fewer images than there are ``folds``, each of which needs one."""
    counts = images.class_counts()
    rarest = int(counts.argmin())
    if counts[rarest] < folds:
        raise ToolkitError(
            f"{folds} folds need {folds} images of every class; {images.classes[rarest]} has {counts[rarest]} in "
            "Training and Validation Set. Add some, or choose fewer folds."
        )


def largest_batch(sets: ImageSets, folds: int) -> int:
    """How many images there are to learn from in every fold, and in the Training Set, where what is chosen is used."""
    images = len(sets.training) + len(sets.validation)
    return min(len(sets.training), images - math.ceil(images / folds))


def cross_validate(model: ModelFiles, images: LabelledImages, job: Job, place: Path) -> dict[str, Any]:
    """Learn from all folds but one; which images that one holds, their losses, and whether they were read right."""
    how = Adaptation(**job["how"])
    division = StratifiedKFold(job["folds"], shuffle=True, random_state=job["repeat"])
    learned, held_out = [*division.split(images.labels, images.labels)][job["fold"]]
    # one image to validate with after every epoch: nobody asks how it did
    sets = ImageSets(images.take(learned), images.take(held_out[:1]))
    network = load_for(model, sets.training, how.dropout).network
    seed, saved = job["repeat"] * job["folds"] + job["fold"], SavedState(place / STATE, job)
    try:
        adapt(network, sets, how, seed, torch.device("cpu"), saved)
    except LossNotFiniteError as error:
        return {"diverged": error.what}
    logits = predict_logits(network, images.images[held_out])
    labels = torch.from_numpy(images.labels[held_out])
    losses = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    right = (logits.argmax(1) == labels).int()
    return {"held_out": held_out.tolist(), "losses": losses.tolist(), "right": right.tolist()}


def make_trial(how: Adaptation, factor: str, results: Sequence[Mapping[str, Any]], folds: int, count: int) -> Trial:
    """A trial from the results of the first of ``trial_jobs``, with ``count`` images in ``folds``."""
    diverged = next((result["diverged"] for result in results if "diverged" in result), "")
    if diverged:
        return Trial(how, factor, np.zeros(0), np.zeros(0), diverged)
    losses, right = np.full((2, math.ceil(len(results) / folds), count), np.nan)
    for number, result in enumerate(results):
        losses[number // folds, result["held_out"]] = result["losses"]
        right[number // folds, result["held_out"]] = result["right"]
    return Trial(how, factor, losses, right)


def choose(usual: Trial, others: Sequence[Trial]) -> tuple[Adaptation, list[str]]:
    """How to fine-tune, with the value to use of every factor, and the reasons in words."""
    chosen, reasons = usual.how, []
    for factor, value in options(usual.how).items():
        trials = [trial for trial in others if trial.factor == factor]
        name, old = FACTOR_NAMES.get(factor, factor), format(value, "g")
        if not trials:
            reasons.append(f"{name}: {old}, for lack of images to try another.")
            continue
        best = min(trials, key=lambda trial: (-trial.n, trial.loss))  # no other came as far
        found = getattr(best.how, factor)
        new = format(found, "g")
        if best.diverged:
            reasons.append(f"{name}: {old} as usual. Training diverged with every other value.")
            continue
        lower, said = _gain(best, usual)
        if lower and _may_be_chosen(best, usual):
            chosen = replace(chosen, **{factor: found})
            reasons.append(f"{name}: {new} instead of {old}. It lowers the held-out loss beyond chance: {said}.")
        else:
            enough = f"beyond chance and by {ALMOST:g} nats"
            reasons.append(
                f"{name}: {old} as usual. No other lowers the held-out loss {enough}: {new}, the best, gives {said}."
            )
    return chosen, reasons


@dataclass(frozen=True)
class Search:
    """What was tried, in order, what to use, and why."""

    trials: list[Trial]
    usual: Trial
    chosen: Trial
    reasons: list[str]

    def as_record(self) -> dict[str, Any]:
        """What ``tuning.json`` keeps."""
        return {
            "layers": self.chosen.how.layers,
            "options": options(self.chosen.how),
            "loss": self.chosen.loss,
            "accuracy": self.chosen.accuracy,
            "reasons": self.reasons,
            "trials": [trial.as_row(self.usual) for trial in self.trials],
        }


def search(
    layers: Sequence[int | None], attempt: Attempt, folds: int, repeats: int, batch: int, dropout: bool = True
) -> Search:
    """Try the usual settings for each of ``layers``, every factor of the better one, and the chosen values together.

    ``attempt`` turns each of them, with the factor that is new in it, into trials on the first so many folds. After
    half of the folds, and after each once, only the best value of a factor goes on, and only while its loss is low
    enough to be chosen. No batch is larger than ``batch``. Without ``dropout`` the network takes none.
    """
    starts = [usual.in_batches(batch) for usual in map(usual_settings, layers)]
    half, once, all_folds = max(1, folds // 2), folds, folds * repeats
    trials = attempt([("usual", usual if dropout else replace(usual, dropout=None)) for usual in starts], all_folds)
    usual = min(trials, key=lambda trial: trial.loss)
    if usual.diverged:
        raise ToolkitError(
            f"There is nothing to compare with: training diverged with the usual values: {usual.diverged} "
            "Choose another model (--model), or fine-tune this one at a lower rate (finetune_all_layers --lr)."
        )
    reasons = [f"layers: {_count(usual)}. {_compare(usual, other)}." for other in trials if other is not usual]
    filled = [(new, own) for new, own in alternatives(usual.how) if own.batch_size <= batch]
    others = attempt(filled, half)
    for look in sorted({once, all_folds}):
        ahead = [(trial.factor, trial.how) for trial in _ahead(others, usual)]
        again = {trial.how: trial for trial in attempt(ahead, look)}
        others = [again.get(trial.how, trial) for trial in others]
    best, more = choose(usual, others)
    chosen = next((trial for trial in [usual, *others] if trial.how == best), None)
    if chosen is None:
        (chosen,) = attempt([("together", best)], all_folds)
        others = [*others, chosen]
        more.append(f"together: {_compare(chosen, usual)}.")
        if chosen.loss > usual.loss:
            more[-1] += " Together they are worse than the usual values, which are kept."
            chosen = usual
    return Search([*trials, *others], usual, chosen, [*reasons, *more])


def _ahead(trials: Sequence[Trial], usual: Trial) -> list[Trial]:
    """Of each factor the best that may still be chosen; one tried on more folds comes first."""
    lower = [trial for trial in trials if not trial.diverged and _may_be_chosen(trial, usual)]
    order = sorted(lower, key=lambda trial: (trial.n, -trial.loss))
    return [*{trial.factor: trial for trial in order}.values()]


def _may_be_chosen(trial: Trial, usual: Trial) -> bool:
    own, other, _ = trial.beside(usual)
    return own < other - ALMOST


def _count(trial: Trial) -> str:
    layers = trial.how.layers
    return "all layers" if layers is None else "last layer" if layers == 1 else f"last {layers} layers"


def _compare(first: Trial, second: Trial) -> str:
    if first.diverged or second.diverged:
        return "Training diverged"
    lower, said = _gain(first, second, f" for {_count(second)} with the usual values")
    return f"Held-out loss {said}{'' if lower else ', which may be chance'}"


def _gain(trial: Trial, usual: Trial, named: str = "") -> tuple[bool, str]:
    """Whether a trial's loss is lower than the usual one's by more than chance, and both in words.

    Where one was tried on fewer images, only these are compared.
    """
    own, other, (low, high) = trial.beside(usual)
    difference = f"(difference {nats(own - other, '+')}, 95 % interval {nats(low, '+')} to {nats(high, '+')})"
    return high < 0, f"{nats(own)} against {nats(other)}{named} {difference}"
