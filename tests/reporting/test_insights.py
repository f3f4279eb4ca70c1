from dataclasses import replace

import pytest

from tests.evaluation.test_factors import level
from toolkit.evaluation.factors import Analysis, Factor
from toolkit.reporting.insights import analysis_page, choice, insights, table


def said(*levels, baseline=0.1, name="learning_rate") -> str:
    return "\n".join(insights(Factor(name, levels, baseline), images=14000))


def training(level, *losses):
    """The same with these training losses."""
    histories = [
        tuple(replace(row, training_loss=loss) for row, loss in zip(outcome.history, losses, strict=True))
        for outcome in level.outcomes
    ]
    outcomes = zip(level.outcomes, histories, strict=True)
    return replace(level, outcomes=tuple(replace(outcome, history=history) for outcome, history in outcomes))


def test_a_gain_beyond_the_seeds_is_told_from_one_within():
    start = level(0.1, [0.950, 0.951, 0.949])
    clear, small = level(0.5, [0.980, 0.981, 0.979]), level(0.5, [0.951, 0.950, 0.950])
    assert "That is 3.00 points more than with the baseline's 0.1" in said(start, clear)
    assert "Chance between seeds does not explain that." in said(start, clear)
    assert "Chance between seeds may explain that." in said(start, small)
    assert "0.5 is better than 0.1 (by 3.00 points)" in said(start, clear)
    assert "3 seeds are too few to tell 0.5 from 0.1. They show no effect of this factor." in said(start, small)


def test_a_baseline_that_is_best_is_said_to_be():
    sentences = said(
        level(0.1, [0.98, 0.981, 0.979]), level(0.01, [0.90, 0.901, 0.899]), level(0.2, [0.98, 0.98, 0.98])
    )
    assert "The best accuracy comes with a learning rate of 0.1, the baseline: 98.00 % (97.90 to 98.10" in sentences
    assert "0.1 is better than 0.01 (by 8.00 points), which chance between seeds does not explain." in sentences
    assert "3 seeds are too few to tell 0.1 from 0.2.\n" in sentences
    assert "The best accuracy comes with a learning rate of 0.01" in said(
        level(0.1, [0.8, 0.8]), level(0.01, [0.9, 0.9])
    )


def test_values_are_named_as_a_sentence_names_them():
    levels = [level(value, [0.9, 0.9], losses=(3, 1, 1)) for value in (2, 3, 4)]
    assert "With 2, 3 or 4 hidden layers, every seed has" in said(*levels, baseline=2, name="hidden_layers")
    one = [level(value, [0.9, 0.9], losses=(3, 1, 1)) for value in (1, 2)][:1]
    assert "With 1 hidden layer, every seed has" in said(*one, baseline=1, name="hidden_layers")
    assert "With weight decay 2, 3 or 4, every seed has" in said(*levels, baseline=2, name="weight_decay")


def test_divergence_is_told_with_its_reason():
    sentences = said(level(0.1, [0.9, 0.9]), level(50.0, [0.0, 0.0], "The loss became nan in epoch 1."))
    assert "With a learning rate of 50, 2 of 2 trainings diverged: The loss became nan in epoch 1." in sentences
    assert "diverged" not in said(level(0.1, [0.9, 0.9]), level(50.0, [0.0, 0.0]))


def test_it_has_something_true_to_say_when_everything_diverged():
    sentences = said(level(0.1, [0.0, 0.0], "The loss became nan."), level(1.0, [0.0, 0.0], "The loss became nan."))
    assert "Whatever the learning rate, at least one training diverged." in sentences
    assert "best" not in sentences


def test_a_baseline_that_diverged_is_no_measure():
    sentences = said(level(0.1, [0.0, 0.0], "The loss became nan."), level(0.01, [0.9, 0.91]))
    assert "With the baseline's 0.1, not every training came to its end." in sentences


def test_who_was_still_improving_and_who_had_turned():
    improving, turned = level(0.1, [0.9, 0.9], losses=(3, 2, 1)), level(0.5, [0.9, 0.9], losses=(3, 1, 2))
    sentences = said(improving, turned)
    assert "With a learning rate of 0.1, every seed has its lowest validation loss in the last epoch." in sentences
    assert "With a learning rate of 0.5, every seed has its lowest validation loss before the last epoch." in sentences
    assert "More epochs" in sentences
    assert "More epochs" not in said(turned, baseline=0.5)


@pytest.mark.parametrize(("losses", "overfits"), [((0.9, 0.5, 0.2), True), ((0.9, 0.5, 0.6), False)])
def test_overfitting_is_a_rising_validation_loss_while_training_loss_falls(losses, overfits):
    sentences = said(training(level(0.1, [0.9, 0.9], losses=(3, 1, 1.5)), *losses))
    assert ("every seed overfits: validation loss rises again, by 0.500 to 0.500 nats" in sentences) == overfits
    assert ("Longer training does not lower it." in sentences) != overfits
    assert "overfits" not in said(training(level(0.1, [0.9, 0.9], losses=(3, 1, 1.001)), *losses))


def test_the_table_has_a_row_for_every_value():
    rows = table(Factor("batch_size", (level(16, [0.9, 0.92]), level(32, [0.0, 0.0], "nan")), 16))
    assert [row["batch size"] for row in rows] == ["16 (baseline)", "32"]
    assert [row["validation accuracy"] for row in rows] == ["91.00 % (90.00 to 92.00, 2 seeds)", "-"]
    assert [row["diverged"] for row in rows] == ["0 of 2", "2 of 2"]


def test_the_choice_says_what_became_of_the_combination():
    factor = Factor("batch_size", (level(16, [0.95, 0.95]), level(32, [0.9, 0.9])), 16)
    assert "highest mean validation accuracy is chosen: mlp" in choice(Analysis((factor,), None, (600, 200)))
    assert "gives the highest mean accuracy. It is chosen: mlp" in choice(
        Analysis((factor,), level("x", [0.99, 0.99]), (600, 200))
    )
    assert "A setting that does better is chosen" in choice(Analysis((factor,), level("x", [0.9, 0.9]), (600, 200)))
    assert "2 of 2 trainings diverged" in choice(Analysis((factor,), level("x", [0, 0], "nan"), (600, 200)))


def test_the_page_names_every_figure():
    factor = Factor("batch_size", (level(16, [0.95, 0.95]),), 16)
    page = analysis_page(Analysis((factor,), None, (600, 200)), "analyze_mlp")
    assert "](batch_size.png)" in page
    assert "](overview.png)" in page
