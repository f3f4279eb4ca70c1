from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from toolkit.data.labelled_images import together
from toolkit.errors import ToolkitError
from toolkit.experiments.tuning import (
    FACTORS,
    Trial,
    alternatives,
    choose,
    cross_validate,
    make_trial,
    search,
    trial_jobs,
    usual_settings,
)
from toolkit.models.bundle import read_model


def trial(settings, factor="usual", loss=0.5, noise=0.0, folds=10):
    """One of 100 images in five folds, held out twice."""
    losses = loss + noise * np.random.default_rng(0).normal(size=(2, 100))
    losses.ravel()[20 * folds :] = np.nan
    return Trial(settings, factor, losses[: -(-folds // 5)], np.ones_like(losses))


def attempt_with(losses):
    """Trials whose loss follows from their settings, and a list of what was tried, on how many folds."""
    tried = []

    def attempt(candidates, folds):
        tried.extend((new, settings, folds) for new, settings in candidates)
        return [trial(settings, new, losses(settings), folds=folds) for new, settings in candidates]

    return attempt, tried


@pytest.fixture
def work(examples, small_model):
    """What all trials share: the model and the images."""
    return partial(
        cross_validate, read_model(small_model), together([examples["Training Set"], examples["Validation Set"]])
    )


def test_every_image_is_held_out_once(work, tmp_path):
    settings = replace(usual_settings(1), epochs=1)
    jobs = trial_jobs(settings, 2, 2, "", work.args[0].card)
    results = [work(job, tmp_path) for job in jobs]
    count = len(work.args[1])
    tried = make_trial(settings, "epochs", results, 2, count)
    assert tried.losses.shape == tried.right.shape == (2, 100)
    assert (tried.losses > 0).all()
    assert not np.array_equal(*tried.losses)  # another division
    assert tried.n == tried.as_row(tried)["n"] == 200
    half = make_trial(settings, "epochs", results[:1], 2, count)
    assert half.n == 50
    assert np.array_equal(half.losses[0][results[0]["held_out"]], results[0]["losses"])


def test_who_was_given_up_early_is_compared_on_the_images_it_was_tried_on():
    settings = usual_settings(1)
    usual, early = trial(settings), trial(settings, "epochs", folds=2)
    usual.losses[:, :40] = 0.1  # easier ones than the others
    early.losses[:, :40] = 0.3
    row = early.as_row(usual)
    assert (row["n"], row["loss"]) == (40, pytest.approx(usual.loss * 3))
    assert row["loss_95_from"] == row["loss_95_to"] == pytest.approx(usual.loss * 3)


def test_a_loss_may_be_nothing():
    nothing, early = trial(usual_settings(1), loss=0.0), trial(usual_settings(1), "epochs", loss=0.1, folds=2)
    assert early.as_row(nothing)["loss"] == pytest.approx(0.1)


def test_a_job_that_was_cut_off_goes_on_in_the_same_epoch(work, tmp_path, cut_at_state):
    job = trial_jobs(replace(usual_settings(1), epochs=3), 2, 1, "", work.args[0].card)[1]
    cut_at_state(2, lambda: work(job, tmp_path / "cut"))
    assert work(job, tmp_path / "cut") == work(job, tmp_path / "whole")


def test_a_rate_at_which_training_diverges_is_a_result_and_not_the_end(work, tmp_path):
    settings = replace(usual_settings(None), lr=1e20)
    job = trial_jobs(settings, 2, 1, "", work.args[0].card)[0]
    diverged = make_trial(settings, "lr", [work(job, tmp_path)], 2, 100)
    assert diverged.diverged.startswith("The loss became")
    assert "--lr" not in diverged.diverged  # the search has no such option
    assert diverged.loss == float("inf")
    assert str(diverged).endswith("diverged")
    assert diverged.as_row(trial(settings))["loss"] is None


def test_a_value_replaces_the_usual_one_only_beyond_chance():
    usual = usual_settings(1)
    others = [
        trial(settings, factor, 0.49 if factor == "lr" else 0.2 if factor == "epochs" else 0.6, noise=0.5)
        for factor, settings in alternatives(usual)
    ]
    chosen, reasons = choose(trial(usual, noise=0.1), others)
    assert {factor for factor in FACTORS if getattr(chosen, factor) != getattr(usual, factor)} == {"epochs"}
    assert reasons[0].startswith(
        "learning rate: 0.02 as usual. No other lowers the held-out loss beyond chance and by 0.005"
    )
    assert reasons[1].startswith("epochs: 10 instead of 20. It lowers the held-out loss beyond chance: 0.2")


def test_a_gain_of_next_to_nothing_changes_nothing_and_is_not_followed():
    attempt, tried = attempt_with(lambda s: 0.01 - 0.004 * (s.epochs == 30))
    found = search([1], attempt, folds=5, repeats=2, batch=80)
    assert found.chosen is found.usual
    assert [new for new, _, folds in tried if folds > 2] == ["usual"]


def test_where_all_others_diverge_the_usual_value_stays():
    usual = usual_settings(1)
    empty = np.zeros(0)
    others = [Trial(settings, factor, empty, empty, "diverged") for factor, settings in alternatives(usual)]
    chosen, reasons = choose(trial(usual), others)
    assert chosen == usual
    assert all("Training diverged with every other value." in reason for reason in reasons)


def test_a_search_starts_from_the_better_number_of_layers_and_tries_what_it_chose_together():
    attempt, tried = attempt_with(
        lambda s: 1.0 - 0.1 * (s.layers is None) - 0.2 * (s.epochs == 30) - 0.2 * (s.dropout == 0.5)
    )
    found = search([2, None], attempt, folds=5, repeats=2, batch=80)
    assert [settings.layers for _, settings, _ in tried][:3] == [2, None, None]
    assert tried[-1][0] == "together"
    assert (found.chosen.how.epochs, found.chosen.how.dropout) == (30, 0.5)
    assert found.as_record()["layers"] is None
    assert len(found.trials) == 2 + len(alternatives(usual_settings(None))) + 1


def test_only_the_best_value_of_a_factor_goes_on_and_only_while_it_is_better():
    attempt, tried = attempt_with(lambda s: 1.0 - 0.2 * (s.epochs == 30) - 0.1 * (s.epochs == 10))
    found = search([1], attempt, folds=5, repeats=2, batch=80)
    on = {folds: [settings for new, settings, count in tried if new != "usual" and count == folds] for folds in (2, 5)}
    assert len(on[2]) == len(alternatives(usual_settings(1)))
    assert [settings.epochs for settings in on[5]] == [30]
    assert {trial.n for trial in found.trials if trial.factor == "epochs"} == {40, 200}
    attempt, tried = attempt_with(lambda s: 1.0 - 0.2 * (s.epochs == 30))
    search([1], attempt, folds=5, repeats=1, batch=80)
    assert max(folds for *_, folds in tried) == 5


def test_a_search_ends_where_training_diverges_with_the_usual_values():
    def attempt(candidates, folds):
        return [Trial(settings, new, np.zeros(0), np.zeros(0), "It diverged.") for new, settings in candidates]

    with pytest.raises(ToolkitError, match=r"usual values: It diverged\. .*another model"):
        search([1], attempt, folds=5, repeats=2, batch=80)


def test_good_values_that_do_not_go_together_are_dropped():
    def loss(settings):
        new = (settings.epochs == 30) + (settings.dropout == 0.5)
        return (1.0, 0.5, 2.0)[new]

    found = search([1], attempt_with(loss)[0], folds=5, repeats=2, batch=80)
    assert found.chosen.how == usual_settings(1)
    assert found.reasons[-1].endswith("which are kept.")


@pytest.mark.parametrize("layers", [1, 2, None])
def test_alternatives_differ_in_one_factor(layers):
    usual = usual_settings(layers)
    for factor, settings in alternatives(usual):
        assert [name for name in FACTORS if getattr(settings, name) != getattr(usual, name)] == [factor]
        assert settings.layers == layers
