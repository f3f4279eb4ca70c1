"""What counts of right answers say, and what they do not."""

import math
from dataclasses import dataclass

import numpy as np

from toolkit.errors import ToolkitError

SHOWN = 0.05  # a p-value below this is called a difference


@dataclass(frozen=True)
class PairedTest:
    """Two models on the same images: how many only the first or only the second reads right, and what that shows."""

    only_first: int
    only_second: int
    n: int
    p: float

    @property
    def shown(self) -> bool:
        """Whether a difference was shown, at the level ``SHOWN``."""
        return self.p < SHOWN


def wilson_interval(correct: int, n: int) -> tuple[float, float]:
    """The 95 % interval for a proportion of ``correct`` out of ``n``, both ends within 0..1.

    Wilson, "Probable inference, the law of succession, and statistical inference", 1927: unlike the usual
    plus-minus it stays sensible at 20 of 20, which only means "above 84 %".
    """
    from scipy.stats import binomtest  # half a second to import, here as below

    interval = binomtest(correct, n).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def mcnemar(first: np.ndarray, second: np.ndarray) -> PairedTest:
    """McNemar's exact test, two-sided, of right answers, both bool of shape (N,) for the same images.

    Only the images that one model reads right and the other wrong count; with fewer than six of them no
    difference can be shown. McNemar, "Note on the sampling error of the difference between correlated
    proportions or percentages", 1947.
    """
    from scipy.stats import binomtest

    if first.shape != second.shape or not len(first):
        raise ValueError(f"Right answers to the same images are needed, not {first.shape} and {second.shape}")
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    disagreed = only_first + only_second
    p = float(binomtest(only_first, disagreed, 0.5).pvalue) if disagreed else 1.0
    return PairedTest(only_first, only_second, len(first), p)


def bootstrap_interval(values: np.ndarray) -> tuple[float, float]:
    """The 95 % interval for the mean of ``values``, shape (N,): percentiles of 10,000 resamplings.

    Over images it holds what others would change; over writers, what another writer might.
    Efron, "Bootstrap methods: another look at the jackknife", 1979. Percentiles rather than BCa, which is
    undefined where all values are equal, as accuracies on twenty images often are.
    """
    from scipy.stats import bootstrap

    if len(values) < 2:
        raise ToolkitError(f"{len(values)} value has no spread. Compare 2 or more (seeds, writers).")
    batch, chance = max(1, 1_000_000 // len(values)), np.random.default_rng(0)  # at once, 6,000 values take 1 GB
    result = bootstrap((values,), np.mean, n_resamples=10_000, batch=batch, method="percentile", rng=chance)
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


def student_interval(values: np.ndarray) -> tuple[float, float]:
    """The 95 % interval for the mean of ``values``, shape (N,), which may be few: two or three seeds, say.

    Student, "The probable error of a mean", 1908. The bootstrap's percentiles cover the mean of 2, 3, 5 and 10 normal
    values not 95 times in 100 but 50, 75, 83 and 91 times.
    """
    from scipy.stats import sem, t

    if len(values) < 2:
        raise ToolkitError(f"{len(values)} value has no spread. Compare 2 or more (seeds).")
    half = float(t.ppf(0.975, len(values) - 1) * sem(values))
    return float(values.mean()) - half, float(values.mean()) + half


def images_to_show(only_first: float, only_second: float) -> int | None:
    """How many images McNemar's test needs to show a difference of this size, at 5 %, with a power of 80 %.

    ``only_first`` and ``only_second`` are the shares of images that only one of the two models reads right;
    ``None`` where they are equal. Connor, "Sample size for testing differences in proportions for the paired-sample
    design", 1987.
    """
    from scipy.stats import norm

    disagreed, difference = only_first + only_second, abs(only_first - only_second)
    if not difference:
        return None
    level, strength = norm.ppf(1 - SHOWN / 2), norm.ppf(0.8)
    spread = level * math.sqrt(disagreed) + strength * math.sqrt(max(0.0, disagreed - difference**2))
    return math.ceil((spread / difference) ** 2)


def nats(loss: float, sign: str = "") -> str:
    """A loss in words: three decimals, or two digits of what these would show as zero; ``sign`` "+" shows the sign."""
    return f"{loss:{sign}.3f}" if not loss or abs(loss) >= 0.0005 else f"{loss:{sign}.1e}"
