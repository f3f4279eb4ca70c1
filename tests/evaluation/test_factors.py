import json
import math
from dataclasses import asdict, replace

import pytest

from toolkit.doors import read_json
from toolkit.evaluation.factors import Analysis, Factor, Level, leads
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


def test_leads_come_with_what_the_seeds_explain():
    best, close, far = level(1, [0.98, 0.981, 0.985]), level(2, [0.977, 0.983, 0.979]), level(3, [0.95, 0.951, 0.949])
    over_close, over_far = leads(best, [close, far])
    assert over_far.mean == pytest.approx(0.032)
    assert over_far.low < over_far.mean < over_far.high
    assert over_far.beyond_luck
    assert not over_close.beyond_luck
    assert leads(best, []) == []
    (certain,) = leads(level(1, [0.5, 0.5]), [level(2, [0.1, 0.1])])
    assert (certain.low, certain.high) == (0.4, 0.4)


def test_the_intervals_hold_for_all_pairs_at_once():
    levels = [level(1, [0.98, 0.97, 0.96]), *(level(n, [0.95, 0.94, 0.93]) for n in (2, 3, 4))]
    # the studentized range of 4 groups with 8 degrees of freedom, in any table: 4.53; one pair alone has 3.26
    half = 4.53 * 0.01 / math.sqrt(3)
    for lead in leads(levels[0], levels[1:]):
        assert (lead.low, lead.high) == pytest.approx((0.03 - half, 0.03 + half), abs=2e-5)


def test_an_analysis_survives_its_file(tmp_path):
    factor = Factor("learning_rate", (level(0.1, [0.9, 0.91]), level(0.5, [0.95, 0.93])), 0.1)
    for combined in (None, level("both", [0.99, 0.98])):
        analysis = Analysis((factor,), combined, (600, 200))
        (tmp_path / "analysis.json").write_text(json.dumps(asdict(analysis)))
        assert read_json(tmp_path / "analysis.json", Analysis) == analysis
        assert analysis.best.value == ("both" if combined else 0.5)
