from tests.evaluation.test_factors import level
from toolkit.evaluation.factors import Analysis, Factor
from toolkit.reporting.insights import analysis_page, choice, insights, table


def said(*levels, baseline=0.1) -> str:
    return "\n".join(insights(Factor("learning_rate", levels, baseline), images=14000))


def test_a_gain_beyond_the_seeds_is_told_from_one_within():
    start = level(0.1, [0.950, 0.951, 0.949])
    assert "more than the seeds explain" in said(start, level(0.5, [0.980, 0.981, 0.979]))
    assert "the seeds alone may explain" in said(start, level(0.5, [0.951, 0.950, 0.950]))
    assert "+3.00 points above the baseline's 0.1" in said(start, level(0.5, [0.980, 0.981, 0.979]))


def test_a_baseline_that_is_best_is_said_to_be():
    sentences = said(level(0.1, [0.98, 0.981, 0.979]), level(0.01, [0.90, 0.901, 0.899]))
    assert "Best is the baseline's learning rate 0.1, 98.00 %" in sentences
    assert "by more than the seeds explain: 0.01 (-8.00 points)" in sentences


def test_divergence_is_told_with_its_reason():
    sentences = said(level(0.1, [0.9, 0.9]), level(50.0, [0.0, 0.0], "The loss became nan in epoch 1."))
    assert "With learning rate 50, 2 of 2 trainings diverged: The loss became nan in epoch 1." in sentences


def test_it_has_something_true_to_say_when_everything_diverged():
    sentences = said(level(0.1, [0.0, 0.0], "The loss became nan."), level(1.0, [0.0, 0.0], "The loss became nan."))
    assert "With no learning rate did every seed come to its end." in sentences
    assert "Best is" not in sentences


def test_a_baseline_that_diverged_is_no_measure():
    sentences = said(level(0.1, [0.0, 0.0], "The loss became nan."), level(0.01, [0.9, 0.91]))
    assert "with the baseline's 0.1 not every seed came to its end" in sentences


def test_who_was_still_improving_and_who_had_turned():
    sentences = said(level(0.1, [0.9, 0.9], losses=(3, 2, 1)), level(0.5, [0.9, 0.9], losses=(3, 1, 2)))
    assert "lowest validation loss in the last epoch, with every seed): learning rate 0.1." in sentences
    assert "lowest before the last epoch, with every seed: learning rate 0.5." in sentences


def test_the_table_has_a_row_for_every_value():
    rows = table(Factor("batch_size", (level(16, [0.9, 0.92]), level(32, [0.0, 0.0], "nan")), 16))
    assert [row["batch size"] for row in rows] == ["16 (baseline)", "32"]
    assert [row["validation accuracy"] for row in rows] == ["91.00 % (90.00 to 92.00, 2 seeds)", "-"]
    assert [row["diverged"] for row in rows] == ["0 of 2", "2 of 2"]


def test_the_choice_says_what_became_of_the_combination():
    factor = Factor("batch_size", (level(16, [0.95, 0.95]), level(32, [0.9, 0.9])), 16)
    assert "highest mean validation accuracy" in choice(Analysis((factor,), None, (600, 200)))
    assert "best values of all factors together, mlp" in choice(
        Analysis((factor,), level("x", [0.99, 0.99]), (600, 200))
    )
    assert "did better" in choice(Analysis((factor,), level("x", [0.9, 0.9]), (600, 200)))
    assert "2 of 2 trainings diverged" in choice(Analysis((factor,), level("x", [0, 0], "nan"), (600, 200)))


def test_the_page_names_every_figure():
    factor = Factor("batch_size", (level(16, [0.95, 0.95]),), 16)
    page = analysis_page(Analysis((factor,), None, (600, 200)), "analyze_mlp")
    assert "](batch_size.png)" in page
    assert "](overview.png)" in page
