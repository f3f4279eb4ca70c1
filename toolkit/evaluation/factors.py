"""What one factor does: the trainings of each of its values side by side, and which differences are more than luck."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scipy.stats import tukey_hsd

from toolkit.training.history import best_epoch
from toolkit.training.trainings import Outcome, Setting


@dataclass(frozen=True)
class Level:
    """One value of a factor and its trainings, which differ in their seeds alone."""

    value: Any
    setting: Setting
    outcomes: tuple[Outcome, ...]

    @property
    def label(self) -> str:
        return f"{self.value:g}" if isinstance(self.value, float) else str(self.value)

    @property
    def diverged(self) -> int:
        return sum(bool(outcome.complaint) for outcome in self.outcomes)

    @property
    def accuracies(self) -> list[float]:
        """Of validation after the last epoch, by seed; 0 for trainings that diverged."""
        return [outcome.accuracy for outcome in self.outcomes]

    @property
    def finished(self) -> list[float]:
        """The same without the trainings that diverged."""
        return [outcome.accuracy for outcome in self.outcomes if not outcome.complaint]

    @property
    def accuracy(self) -> float:
        return statistics.mean(self.accuracies)

    @property
    def gaps(self) -> list[float]:
        """Training minus validation accuracy after the last epoch, of the trainings that reached it."""
        last = [outcome.history[-1] for outcome in self.outcomes if not outcome.complaint]
        return [row.training_accuracy - row.validation_accuracy for row in last]

    @property
    def lowest_loss_epochs(self) -> list[int]:
        """The epoch with the lowest validation loss, of the trainings that reached the last."""
        return [best_epoch(list(outcome.history)).epoch for outcome in self.outcomes if not outcome.complaint]

    @property
    def seconds_per_epoch(self) -> float:
        return statistics.median(outcome.seconds_per_epoch for outcome in self.outcomes)


@dataclass(frozen=True)
class Factor:
    """All values of one factor; ``baseline`` is the one from which the other factors are varied."""

    name: str  # as the option that sets it
    levels: tuple[Level, ...]
    baseline: Any

    @property
    def title(self) -> str:
        return self.name.replace("_", " ")

    @property
    def start(self) -> Level:
        return next(level for level in self.levels if level.value == self.baseline)

    @property
    def best(self) -> Level:
        """The one with the highest mean accuracy, of those whose trainings all came to their end if there are any."""
        return max(self.levels, key=lambda level: (not level.diverged, level.accuracy))


@dataclass(frozen=True)
class Difference:
    """How much higher one mean is than another, with its 95 % interval, all as shares (0.01 is a point)."""

    mean: float
    low: float
    high: float

    @property
    def beyond_luck(self) -> bool:
        return not self.low <= 0 <= self.high


def leads(best: Level, others: Sequence[Level]) -> list[Difference]:
    """How much better ``best`` is than each of the ``others``, by the seeds' accuracies, with Tukey's intervals (1949).

    They hold for all pairs at once. With Welch's interval for each pair, the best of four equal values is called better
    than another in 13 % of analyses with 3 seeds, not 5 %. All levels have 2 trainings or more that came to their end.
    """
    means = [best.accuracy - level.accuracy for level in others]
    groups = [level.accuracies for level in (best, *others)]
    if len(groups) < 2 or not any(statistics.pvariance(group) for group in groups):
        return [Difference(mean, mean, mean) for mean in means]
    found = tukey_hsd(*groups).confidence_interval(0.95)
    return [Difference(mean, float(found.low[0, i]), float(found.high[0, i])) for i, mean in enumerate(means, 1)]


@dataclass(frozen=True)
class Analysis:
    """All factors, the combination of their best values if it was tried, and how many images there were."""

    factors: tuple[Factor, ...]
    combined: Level | None
    images: tuple[int, int]  # to train on, to validate with

    @property
    def best(self) -> Level:
        """The setting with the highest mean validation accuracy whose trainings all came to their end."""
        levels = [level for factor in self.factors for level in factor.levels]
        return Factor("setting", (*levels, *([self.combined] if self.combined else [])), None).best
