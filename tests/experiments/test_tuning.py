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


def trial(settings, factor="usual", loss=0.5, noise=0.0, repeats=2):
    losses = loss + noise * np.random.default_rng(0).normal(size=(repeats, 100))
    return Trial(settings, factor, losses, np.ones((repeats, 100), int))


def attempt_with(losses):
    """Trials whose loss follows from their settings, and a list of what was tried, in how many repeats."""
    tried = []

    def attempt(candidates, repeats):
        tried.extend((new, settings, repeats) for new, settings in candidates)
        return [trial(settings, new, losses(settings), repeats=repeats) for new, settings in candidates]

    return attempt, tried


@pytest.fixture
def work(examples, small_model):
    """What all trials share: the model and the images."""
    return partial(
        cross_validate, read_model(small_model), together([examples["Training Set"], examples["Validation Set"]])
    )


def test_every_image_is_held_out_once(work, tmp_path):
    settings = usual_settings(1).change("epochs", 1)
    jobs = trial_jobs(settings, 2, 2, "", work.args[0].card)
    results = [work(job, tmp_path) for job in jobs]
    tried = make_trial(settings, "epochs", results)
    assert tried.losses.shape == tried.right.shape == (2, 100)
    assert (tried.losses > 0).all()
    assert not np.array_equal(*tried.losses)  # another division
    assert tried.as_row()["n"] == 200


def test_a_job_that_was_cut_off_goes_on_in_the_same_epoch(work, tmp_path, cut_at_state):
    job = trial_jobs(usual_settings(1).change("epochs", 3), 2, 1, "", work.args[0].card)[1]
    cut_at_state(2, lambda: work(job, tmp_path / "cut"))
    assert work(job, tmp_path / "cut") == work(job, tmp_path / "whole")


def test_a_rate_at_which_training_diverges_is_a_result_and_not_the_end(work, tmp_path):
    settings = usual_settings(None).change("lr", 1e20)
    job = trial_jobs(settings, 2, 1, "", work.args[0].card)[0]
    diverged = make_trial(settings, "lr", [work(job, tmp_path)])
    assert "smaller learning rate" in diverged.diverged
    assert diverged.loss == float("inf")
    assert str(diverged).endswith("diverged")
    assert diverged.as_row()["loss"] is None


def test_a_value_replaces_the_usual_one_only_beyond_chance():
    usual = usual_settings(1)
    others = [
        trial(settings, factor, 0.49 if factor == "lr" else 0.2 if factor == "epochs" else 0.6, noise=0.5)
        for factor, settings in alternatives(usual)
    ]
    chosen, reasons = choose(trial(usual, noise=0.1), others)
    assert {factor for factor in FACTORS if chosen.value(factor) != usual.value(factor)} == {"epochs"}
    assert reasons[0].startswith("learning rate: 0.02 as usual. No other value lowers the held-out loss beyond chance;")
    assert reasons[1].startswith("epochs: 10 instead of 20. It lowers the held-out loss beyond chance: 0.2")


def test_where_all_others_diverge_the_usual_value_stays():
    usual = usual_settings(1)
    empty = np.zeros(0)
    others = [Trial(settings, factor, empty, empty, "diverged") for factor, settings in alternatives(usual)]
    chosen, reasons = choose(trial(usual), others)
    assert chosen == usual
    assert all("Training diverged with every other value." in reason for reason in reasons)


def test_a_search_starts_from_the_better_number_of_layers_and_tries_what_it_chose_together():
    attempt, tried = attempt_with(
        lambda s: 1.0 - 0.1 * (s.how.layers is None) - 0.2 * (s.how.epochs == 30) - 0.2 * (s.dropout == 0.5)
    )
    found = search([2, None], attempt, repeats=2)
    assert [settings.how.layers for _, settings, _ in tried][:3] == [2, None, None]
    assert tried[-1][0] == "together"
    assert (found.chosen.settings.how.epochs, found.chosen.settings.dropout) == (30, 0.5)
    assert found.as_record()["layers"] is None
    assert [factor for factor, _, repeats in tried[2:] if repeats == 2] == ["epochs", "dropout", "together"]
    assert len(found.trials) == 2 + len(alternatives(usual_settings(None))) + 1
    assert {trial.as_row()["n"] for trial in found.trials if trial.factor in ("epochs", "dropout")} == {100, 200}


def test_a_search_ends_where_training_diverges_with_the_usual_values():
    def attempt(candidates, repeats):
        return [Trial(settings, new, np.zeros(0), np.zeros(0), "It diverged.") for new, settings in candidates]

    with pytest.raises(ToolkitError, match="usual values: It diverged"):
        search([1], attempt, repeats=2)


def test_good_values_that_do_not_go_together_are_dropped():
    def loss(settings):
        new = (settings.how.epochs == 30) + (settings.dropout == 0.5)
        return (1.0, 0.5, 2.0)[new]

    found = search([1], attempt_with(loss)[0], repeats=2)
    assert found.chosen.settings == usual_settings(1)
    assert found.reasons[-1].endswith("which are kept.")


@pytest.mark.parametrize("layers", [1, 2, None])
def test_alternatives_differ_in_one_factor(layers):
    usual = usual_settings(layers)
    for factor, settings in alternatives(usual):
        assert [name for name in FACTORS if settings.value(name) != usual.value(name)] == [factor]
        assert settings.how.layers == layers
