"""What finished runs keep as JSON, with the types that whoever reads them relies on."""

from typing import Any

from typing_extensions import TypedDict


class _Kept(TypedDict):
    """A run may say more than is read here."""

    __pydantic_config__ = {"extra": "allow"}  # type: ignore[misc]  # noqa: RUF012


class ScoreRecord(_Kept):
    """One entry of ``scores.json``."""

    accuracy: float
    correct: int
    n: int
    interval_95: tuple[float, float]
    loss: float


class OverSeeds(_Kept):
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


class PairRecord(_Kept):
    """Two ways, and what is said of them."""

    first: str
    second: str
    said: str


class Comparison(_Kept):
    """``comparison.json``."""

    n: int
    seeds: int
    ways: dict[str, WayRecord]
    pairs: list[PairRecord]
    trainings: list[str]


class ComparisonTest(_Kept):
    """``comparison_test.json``."""

    n: int
    ways: dict[str, OverSeeds]
    pairs: list[PairRecord]


class TrialRecord(_Kept):
    """Settings that were tried, and how they did; ``None`` where training ``diverged``."""

    new: str
    lr: float
    loss: float | None
    accuracy: float | None
    n: int
    diverged: str


class Search(_Kept):
    """One of the searches in ``tuning.json``."""

    layers: int | None
    options: dict[str, Any]
    loss: float
    accuracy: float
    reasons: list[str]
    trials: list[TrialRecord]


class HowFineTuned(_Kept):
    """Options of a fine-tuning run."""

    lr: float
    epochs: int
    batch_size: int
    augment: float
    dropout: float | None


class FineTuningRecord(_Kept):
    """``run.json`` of such a run."""

    recipe: str
    options: HowFineTuned
    lr_reason: str
    best_epoch: int
    learning: list[str]
    frozen: list[str]
