"""What finished runs keep as JSON, with the types that whoever reads them relies on."""

from dataclasses import asdict, dataclass
from typing import Any

from typing_extensions import NotRequired, TypedDict

from toolkit.evaluation.statistics import PairedTest


class ScoreRecord(TypedDict):
    """One entry of ``scores.json``."""

    accuracy: float
    correct: int
    n: int
    interval_95: tuple[float, float]
    loss: float


class OverSeeds(TypedDict):
    """Accuracies over seeds."""

    mean: float
    spread: float
    worst: float


class WayRecord(OverSeeds):
    """A way to fine-tune; ``None`` where nothing was trained."""

    loss: float
    epochs_to_best: float | None
    curve_spread: float | None
    moved: dict[str, float]
    cka: NotRequired[dict[str, float]]  # by layer group, as ``moved``; comparisons of before have none


@dataclass(frozen=True)
class Pair:
    """Two ways to fine-tune on the same images and seeds; positive means that ``second`` is better."""

    first: str
    second: str
    difference: float  # of the accuracies, mean over seeds
    interval: tuple[float, float]  # of that, over seeds
    test: PairedTest  # of the images that each reads right in most seeds
    images: int | None  # that it would take to show such a difference; None where there is none

    def as_record(self) -> dict[str, Any]:
        """What ``comparison.json`` keeps."""
        return {**asdict(self), "said": str(self)}

    def __str__(self) -> str:
        low, high = (100 * end for end in self.interval)
        said = (
            f"{self.second} against {self.first}: accuracy {100 * self.difference:+.1f} points (95 % interval over "
            f"seeds {low:+.1f} to {high:+.1f}). In most seeds, {self.test.only_second} of {self.test.n} images are "
            f"right with {self.second} alone and {self.test.only_first} with {self.first} alone "
            f"(McNemar's test: p = {self.test.p:.2g})."
        )
        if self.test.shown:
            return f"{said} This shows a difference."
        if self.images is None:
            return f"{said} Their accuracies are equal."
        return f"{said} This shows no difference; about {self.images:,} images would, if it is as large as it seems."


class Comparison(TypedDict):
    """``comparison.json``."""

    n: int
    seeds: int
    ways: dict[str, WayRecord]
    pairs: list[Pair]
    trainings: list[str]


class ComparisonTest(TypedDict):
    """``comparison_test.json``."""

    n: int
    ways: dict[str, OverSeeds]
    pairs: list[Pair]


class TrialRecord(TypedDict):
    """Settings that were tried, and how they did; ``None`` where training ``diverged``."""

    __pydantic_config__ = {"extra": "allow"}  # type: ignore[misc]  # noqa: RUF012 (the values of all factors)

    new: str
    lr: float
    loss: float | None
    accuracy: float | None
    n: int
    diverged: str


class Search(TypedDict):
    """One of the searches in ``tuning.json``."""

    layers: int | None
    options: dict[str, Any]
    loss: float
    accuracy: float
    reasons: list[str]
    trials: list[TrialRecord]


class HowFineTuned(TypedDict):
    """Options of a fine-tuning run."""

    lr: float
    epochs: int
    batch_size: int
    augment: float
    dropout: float | None


class FineTuningRecord(TypedDict):
    """``run.json`` of such a run."""

    options: HowFineTuned
    best_epoch: int
    learning: list[str]
    frozen: list[str]
