import pytest

from toolkit.evaluation.statistics import wilson_interval


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
