"""What a count of right answers says, and what it does not."""

from scipy.stats import binomtest


def wilson_interval(correct: int, n: int) -> tuple[float, float]:
    """The 95 % interval for a proportion of ``correct`` out of ``n``, both ends within 0..1.

    Wilson, "Probable inference, the law of succession, and statistical inference", 1927: unlike the usual
    plus-minus it stays sensible at 20 of 20, which only means "above 84 %".
    """
    interval = binomtest(correct, n).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)
