import tracemalloc

import numpy as np
import pytest
from scipy.stats import binom, bootstrap, norm, sem

from toolkit.errors import ToolkitError
from toolkit.evaluation.statistics import (
    bootstrap_interval,
    images_to_show,
    mcnemar,
    nats,
    student_interval,
    wilson_interval,
)


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [
        (20, 20, 0.8389, 1.0),  # "above 84 %"
        (0, 20, 0.0, 0.1611),
        (10, 20, 0.2993, 0.7007),
        (81, 263, 0.2553, 0.3662),  # Newcombe, Statistics in Medicine 17 (1998), table I
        (15, 148, 0.0624, 0.1605),
    ],
)
def test_wilson_agrees_with_published_values(correct, n, low, high):
    assert wilson_interval(correct, n) == pytest.approx((low, high), abs=5e-5)


def answers(both: int, only_first: int, only_second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    first = [True] * (both + only_first) + [False] * (only_second + neither)
    second = [True] * both + [False] * only_first + [True] * only_second + [False] * neither
    return np.array(first), np.array(second)


@pytest.mark.parametrize(
    ("only_first", "only_second", "p"),
    [
        (9, 2, 0.06543),  # the example of R's exact2x2, mcnemar.exact
        (6, 0, 0.03125),  # DESIGN.md: at least 6:0
        (5, 0, 0.0625),
        (3, 3, 1.0),
        (0, 0, 1.0),
    ],
)
def test_mcnemar_agrees_with_published_values(only_first, only_second, p):
    test = mcnemar(*answers(4, only_first, only_second, 5))
    assert (test.only_first, test.only_second, test.n) == (only_first, only_second, 9 + only_first + only_second)
    assert test.p == pytest.approx(p, abs=5e-6)
    assert test.shown == (p < 0.05)


def test_mcnemar_treats_both_alike_and_needs_the_same_images():
    first, second = answers(4, 7, 1, 5)
    assert mcnemar(first, second).p == mcnemar(second, first).p
    with pytest.raises(ValueError, match="same images"):
        mcnemar(first, second[:-1])


def test_bootstrap_comes_near_the_normal_interval_of_many_values():
    values = np.random.default_rng(1).normal(5, 2, size=500)
    half = norm.ppf(0.975) * sem(values)
    expected = (values.mean() - half, values.mean() + half)
    assert bootstrap_interval(values) == pytest.approx(expected, abs=0.03)
    assert bootstrap_interval(values) == bootstrap_interval(values)


def test_bootstrap_of_equal_values_is_that_value_and_of_one_is_refused():
    assert bootstrap_interval(np.full(20, 0.95)) == pytest.approx((0.95, 0.95))
    with pytest.raises(ToolkitError, match="no spread"):
        bootstrap_interval(np.array([0.95]))


def test_bootstrap_takes_little_memory_and_says_what_it_would_with_much():
    few, many = (np.random.default_rng(1).random(n) for n in (300, 3000))
    tracemalloc.start()
    bootstrap_interval(many)
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()
    at_once = bootstrap((few,), np.mean, n_resamples=10_000, method="percentile", rng=np.random.default_rng(0))
    assert bootstrap_interval(few) == tuple(at_once.confidence_interval)


def test_students_interval_agrees_with_his_own_example():
    one = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])  # hours of sleep gained by two drugs
    other = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])
    assert student_interval(other - one) == pytest.approx((0.7001142, 2.4598858))  # R: t.test(..., paired = TRUE)


def test_students_interval_of_equal_values_is_that_value_and_of_one_is_refused():
    assert student_interval(np.full(20, 0.95)) == pytest.approx((0.95, 0.95))
    with pytest.raises(ToolkitError, match="no spread"):
        student_interval(np.array([0.95]))


def exact_power(n: int, only_first: float, only_second: float) -> float:
    """The chance that the exact test shows the difference, summed over all outcomes."""
    disagreed = only_first + only_second
    power = 0.0
    for count in range(n + 1):
        wins = np.arange(count + 1)
        p = np.minimum(1, 2 * np.minimum(binom.cdf(wins, count, 0.5), binom.sf(wins - 1, count, 0.5)))
        power += binom.pmf(count, n, disagreed) * binom.pmf(wins, count, only_first / disagreed)[p < 0.05].sum()
    return power


@pytest.mark.parametrize(("only_first", "only_second"), [(0.2, 0.0), (0.05, 0.20)])
def test_so_many_images_show_it_four_times_in_five(only_first, only_second):
    n = images_to_show(only_first, only_second)
    assert exact_power(n, only_first, only_second) == pytest.approx(0.8, abs=0.06)
    assert exact_power(n // 2, only_first, only_second) < 0.6


def test_what_does_not_differ_is_never_shown():
    assert images_to_show(0.05, 0.05) is None


@pytest.mark.parametrize(
    ("loss", "sign", "said"),
    [
        (0.1234, "", "0.123"),
        (0.0, "", "0.000"),
        (2.2e-6, "", "2.2e-06"),
        (-2.2e-6, "+", "-2.2e-06"),
        (1, "+", "+1.000"),
    ],
)
def test_a_loss_is_never_said_to_be_zero_when_it_is_not(loss, sign, said):
    assert nats(loss, sign) == said
