"""Choosing hyper-parameters from 100 images: one factor at a time, judged by cross-validation.

Twenty images choose almost at random: the best of twelve equal 90 % models shows 98.9 % on them. So Training and
Validation Set are put together, every image is held out in turn, and a value replaces the usual one only where it
makes the loss on held-out images lower by more than chance.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.model_selection import StratifiedKFold

from toolkit.data.labelled_images import LabelledImages
from toolkit.errors import ToolkitError
from toolkit.evaluation.scores import predict_logits
from toolkit.evaluation.statistics import bootstrap_interval, nats
from toolkit.models.bundle import ModelCard, ModelFiles
from toolkit.paths import STATE
from toolkit.training.adapting import ADAPTATIONS, FACTOR_NAMES, Adaptation, adapt, load_for
from toolkit.training.fit import LossNotFiniteError
from toolkit.training.state import SavedState
from toolkit.training.sweeps import Job

FACTORS: dict[str, tuple[Any, ...]] = {
    "lr": (0.3, 3),  # times the usual rate
    "epochs": (10, 30),
    "batch_size": (32,),
    "augment": (0.0, 2.0),
    "dropout": (0.5,),
}


@dataclass(frozen=True)
class Settings:
    """What is tried: how to fine-tune, and dropout, which belongs to the network; ``None`` where it takes none."""

    how: Adaptation
    dropout: float | None = 0.0

    def value(self, factor: str) -> Any:
        """This one's value of a factor."""
        return self.dropout if factor == "dropout" else getattr(self.how, factor)

    def change(self, factor: str, value: Any) -> "Settings":
        """The same with another value of one factor."""
        if factor == "dropout":
            return replace(self, dropout=value)
        return replace(self, how=replace(self.how, **{factor: value}))

    def options(self) -> dict[str, Any]:
        """What to pass to a recipe that fine-tunes."""
        return {factor: self.value(factor) for factor in FACTORS if self.value(factor) is not None}


Candidate = tuple[str, Settings]  # what is new in the settings
Attempt = Callable[[Sequence[Candidate], int], "list[Trial]"]  # in so many repeats


@dataclass(frozen=True)
class Trial:
    """Settings and how they did on images that were held out."""

    settings: Settings
    factor: str  # what is new in them
    losses: np.ndarray  # (repeats, images), in nats; empty where training diverged
    right: np.ndarray  # the same, 0 or 1
    diverged: str = ""

    @property
    def loss(self) -> float:
        return float(self.losses.mean()) if self.losses.size else float("inf")

    @property
    def accuracy(self) -> float:
        return float(self.right.mean()) if self.right.size else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the mean loss over images."""
        return bootstrap_interval(self.losses.mean(axis=0))

    def as_row(self) -> dict[str, Any]:
        """What ``trials.csv`` and the spreadsheet keep."""
        low, high = (None, None) if self.diverged else self.interval
        return {
            "new": self.factor,
            "layers": self.settings.how.layers or "all",
            **self.settings.options(),
            "loss": None if self.diverged else self.loss,
            "loss_95_from": low,
            "loss_95_to": high,
            "accuracy": None if self.diverged else self.accuracy,
            "n": self.right.size,
            "diverged": self.diverged,
        }

    def __str__(self) -> str:
        options = ", ".join(
            f"{FACTOR_NAMES.get(name, name)} {value:g}" for name, value in self.settings.options().items()
        )
        if self.diverged:
            return f"{_count(self)}, {options}: diverged"
        low, high = map(nats, self.interval)
        right = f"{100 * self.accuracy:.1f} % of {self.right.size} right"
        return f"{_count(self)}, {options}: held-out loss {nats(self.loss)} (95 % interval {low} to {high}), {right}"


def usual_settings(layers: int | None) -> Settings:
    """Where a search begins."""
    return Settings(ADAPTATIONS[layers])


def alternatives(usual: Settings) -> list[Candidate]:
    """All settings that differ from ``usual`` in one factor, with that factor."""
    changes = [(factor, value) for factor in usual.options() for value in FACTORS[factor]]
    return [(factor, usual.change(factor, usual.how.lr * v if factor == "lr" else v)) for factor, v in changes]


def trial_jobs(settings: Settings, folds: int, repeats: int, sets: str, card: ModelCard) -> list[Job]:
    """One job per repeat and fold; ``sets`` names the data by content, and what is taken from ``card`` the model."""
    network = [card.architecture, card.arguments, card.classes, card.weights_sha256]
    known = {"settings": asdict(settings), "folds": folds, "sets": sets, "network": network}
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


def cross_validate(model: ModelFiles, images: LabelledImages, job: Job, place: Path) -> dict[str, Any]:
    """Learn from all folds but one; which images that one holds, their losses, and whether they were read right."""
    how, dropout = Adaptation(**job["settings"]["how"]), job["settings"]["dropout"]
    division = StratifiedKFold(job["folds"], shuffle=True, random_state=job["repeat"])
    learned, held_out = [*division.split(images.labels, images.labels)][job["fold"]]
    network = load_for(model, images.take(learned), **({} if dropout is None else {"dropout": dropout})).network
    seed, saved = job["repeat"] * job["folds"] + job["fold"], SavedState(place / STATE, job)
    try:
        # one image to validate with after every epoch: nobody asks how it did
        adapt(network, images.take(learned), images.take(held_out[:1]), how, seed, torch.device("cpu"), saved)
    except LossNotFiniteError as error:
        return {"diverged": str(error)}
    logits = predict_logits(network, images.images[held_out])
    labels = torch.from_numpy(images.labels[held_out])
    losses = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    right = (logits.argmax(1) == labels).int()
    return {"held_out": held_out.tolist(), "losses": losses.tolist(), "right": right.tolist()}


def make_trial(settings: Settings, factor: str, results: Sequence[Mapping[str, Any]]) -> Trial:
    """A trial from the results of ``trial_jobs``."""
    diverged = next((result["diverged"] for result in results if "diverged" in result), "")
    if diverged:
        return Trial(settings, factor, np.zeros(0), np.zeros(0), diverged)
    held_out, losses, right = (np.concatenate([r[name] for r in results]) for name in ("held_out", "losses", "right"))
    order = np.argsort(held_out, kind="stable").reshape(int(held_out.max()) + 1, -1).T  # every image once per repeat
    return Trial(settings, factor, losses[order], right[order])


def choose(usual: Trial, others: Sequence[Trial]) -> tuple[Settings, list[str]]:
    """For every factor the value to use, together as settings, and the reasons in words."""
    chosen, reasons = usual.settings, []
    for factor in usual.settings.options():
        trials = [trial for trial in others if trial.factor == factor]
        best = min(trials, key=lambda trial: (-len(trial.losses), trial.loss))  # no other came as far
        old, new = (format(trial.settings.value(factor), "g") for trial in (usual, best))
        name = FACTOR_NAMES.get(factor, factor)
        if best.diverged:
            reasons.append(f"{name}: {old} as usual. Training diverged with every other value.")
            continue
        lower, said = _gain(best, usual)
        if lower:
            chosen = chosen.change(factor, best.settings.value(factor))
            reasons.append(f"{name}: {new} instead of {old}. It lowers the held-out loss beyond chance: {said}.")
        else:
            reasons.append(
                f"{name}: {old} as usual. No other value lowers the held-out loss beyond chance; the best of them, "
                f"{new}, gives {said}."
            )
    return chosen, reasons


@dataclass(frozen=True)
class Search:
    """What was tried, in order, what to use, and why."""

    trials: list[Trial]
    chosen: Trial
    reasons: list[str]

    def as_record(self) -> dict[str, Any]:
        """What ``tuning.json`` keeps."""
        return {
            "layers": self.chosen.settings.how.layers,
            "options": self.chosen.settings.options(),
            "loss": self.chosen.loss,
            "accuracy": self.chosen.accuracy,
            "reasons": self.reasons,
            "trials": [trial.as_row() for trial in self.trials],
        }


def search(layers: Sequence[int | None], attempt: Attempt, repeats: int, dropout: bool = True) -> Search:
    """Try the usual settings for each of ``layers``, every factor of the better one, and the chosen values together.

    ``attempt`` turns settings, each with the factor that is new in them, into trials of so many ``repeats``. A value
    whose loss is no lower than the usual one's in the first repeat is not tried in the others: it would hardly become
    lower beyond chance. Without ``dropout`` the network takes none.
    """
    settings = [usual_settings(count) for count in layers]
    trials = attempt([("usual", usual if dropout else replace(usual, dropout=None)) for usual in settings], repeats)
    usual = min(trials, key=lambda trial: trial.loss)
    if usual.diverged:
        raise ToolkitError(
            f"There is nothing to compare with: training diverged with the usual values: {usual.diverged}"
        )
    reasons = [f"layers: {_count(usual)}. {_compare(usual, other)}." for other in trials if other is not usual]
    others = attempt(alternatives(usual.settings), 1)
    promising = [number for number, trial in enumerate(others) if trial.loss < usual.losses[:1].mean()]
    again = attempt([(others[number].factor, others[number].settings) for number in promising], repeats)
    for number, trial in zip(promising, again, strict=True):
        others[number] = trial
    best, more = choose(usual, others)
    chosen = next((trial for trial in [usual, *others] if trial.settings == best), None)
    if chosen is None:
        (chosen,) = attempt([("together", best)], repeats)
        others = [*others, chosen]
        more.append(f"together: {_compare(chosen, usual)}.")
        if chosen.loss > usual.loss:
            more[-1] += " Together they are worse than the usual values, which are kept."
            chosen = usual
    return Search([*trials, *others], chosen, [*reasons, *more])


def _count(trial: Trial) -> str:
    layers = trial.settings.how.layers
    return "all layers" if layers is None else "last layer" if layers == 1 else f"last {layers} layers"


def _compare(first: Trial, second: Trial) -> str:
    if first.diverged or second.diverged:
        return "Training diverged"
    lower, said = _gain(first, second, f" for {_count(second)} with the usual values")
    return f"Held-out loss {said}{'' if lower else ', which may be chance'}"


def _gain(trial: Trial, usual: Trial, named: str = "") -> tuple[bool, str]:
    """Whether a trial's loss is lower than the usual one's by more than chance, and both in words.

    Where one was tried in fewer repeats, only these are compared.
    """
    both = min(len(trial.losses), len(usual.losses))
    gain = (usual.losses[:both] - trial.losses[:both]).mean(axis=0)
    low, high = bootstrap_interval(gain)
    difference = f"(difference {nats(-gain.mean(), '+')}, 95 % interval {nats(-high, '+')} to {nats(-low, '+')})"
    losses = [nats(float(one.losses[:both].mean())) for one in (trial, usual)]
    return low > 0, f"{losses[0]} against {losses[1]}{named} {difference}"
