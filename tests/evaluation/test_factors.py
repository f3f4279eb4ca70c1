import json
import math
from dataclasses import asdict, replace

import pytest
from scipy.stats import ttest_ind

from toolkit.doors import read_json
from toolkit.evaluation.factors import Analysis, Factor, Level, difference
from toolkit.training.history import Epoch
from toolkit.training.trainings import Outcome, Setting


def level(value, accuracies, complaint="", losses=(0.5, 0.2, 0.3)) -> Level:
    """Trainings of three epochs that ended with these validation accuracies."""
    setting = Setting("mlp", {"hidden": [8]}, 0.1, 16, 3)
    outcomes = [
        Outcome(
            setting,
            seed,
            tuple(Epoch(number, 0.1, loss, 0.99, loss, accuracy, 1.0 + seed) for number, loss in enumerate(losses, 1)),
            complaint,
        )
        for seed, accuracy in enumerate(accuracies)
    ]
    return Level(value, setting, tuple(outcomes))


def test_a_level_sums_up_its_seeds():
    summed = level(64, [0.95, 0.96, 0.97])
    assert summed.accuracy == pytest.approx(0.96)
    assert summed.gaps == pytest.approx([0.04, 0.03, 0.02])
    assert summed.lowest_loss_epochs == [2, 2, 2]
    assert summed.seconds_per_epoch == 2.0
    assert summed.diverged == 0


def test_the_best_came_to_its_end():
    factor = Factor("learning_rate", (level(0.1, [0.9, 0.9]), level(9.0, [0.99, 0.99], "The loss became nan.")), 0.1)
    assert factor.best.value == 0.1
    assert factor.levels[1].accuracies == [0, 0]
    assert factor.levels[1].finished == []


def test_a_value_at_which_one_training_diverged_is_not_the_best():
    ended, diverged = level(0.5, [0.99, 0.99]), level(0.5, [0.99], "The loss became nan.")
    mixed = replace(ended, outcomes=ended.outcomes + diverged.outcomes)
    factor = Factor("learning_rate", (level(0.1, [0.5, 0.5, 0.5]), mixed), 0.1)
    assert mixed.accuracy > 0.5
    assert factor.best.value == 0.1


def test_differences_come_with_what_the_seeds_explain():
    clear = difference([0.98, 0.981, 0.982], [0.95, 0.951, 0.949])
    assert clear.mean == pytest.approx(0.031, abs=1e-3)
    assert clear.beyond_luck
    assert clear.low < clear.mean < clear.high
    assert not difference([0.98, 0.96, 0.97], [0.965, 0.97, 0.96]).beyond_luck
    assert difference([0.5], [0.1]).low == -math.inf
    assert difference([0.5, 0.5], [0.1, 0.2]).low < 0.35  # one spread is none
    assert difference([0.5, 0.5], [0.1, 0.1]).beyond_luck


def test_the_interval_is_welchs():
    first, second = [0.98, 0.97, 0.975], [0.96, 0.95, 0.965, 0.94]
    expected = ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    found = difference(first, second)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_an_analysis_survives_its_file(tmp_path):
    factor = Factor("learning_rate", (level(0.1, [0.9, 0.91]), level(0.5, [0.95, 0.93])), 0.1)
    for combined in (None, level("both", [0.99, 0.98])):
        analysis = Analysis((factor,), combined, (600, 200))
        (tmp_path / "analysis.json").write_text(json.dumps(asdict(analysis)))
        assert read_json(tmp_path / "analysis.json", Analysis) == analysis
        assert analysis.best.value == ("both" if combined else 0.5)
