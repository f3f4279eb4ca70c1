from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from toolkit.data.image_sets import ImageSets, load_sets
from toolkit.errors import ToolkitError
from toolkit.evaluation.scores import predict_logits
from toolkit.experiments.comparing import (
    VARIANTS,
    compare_pairs,
    comparison_jobs,
    load_trained,
    right_answers,
    summarise,
    train_and_keep,
    train_and_measure,
)
from toolkit.models.bundle import load_model, read_model, save_model
from toolkit.training.adapting import Adaptation
from toolkit.training.sweeps import run_jobs


def test_a_training_measures_every_epoch_and_how_far_weights_moved(examples, small_model):
    network, _ = load_model(small_model)
    how = Adaptation(layers=1, lr=1e-2, epochs=3)
    result = train_and_measure(network, ImageSets(examples["Training Set"], examples["Validation Set"]), how, seed=0)
    logits = predict_logits(network, examples["Validation Set"].images)
    assert result["right"] == (logits.argmax(1).numpy() == examples["Validation Set"].labels).astype(int).tolist()
    assert len(result["losses"]) == len(result["accuracies"]) == 3
    assert result["losses"][-1] == pytest.approx(result["loss"], rel=1e-5)
    assert {name: share > 0 for name, share in result["moved"].items()} == {
        "hidden.0": False,
        "hidden.1": False,
        "output": True,
    }
    assert {name: alike for name, alike in result["cka"].items() if alike == 1} == {"hidden.0": 1, "hidden.1": 1}
    assert 0 < result["cka"]["output"] < 1


def test_of_three_images_nothing_is_said_about_features(examples, small_model):
    network, _ = load_model(small_model)
    few = examples["Validation Set"].take(np.arange(3))
    assert train_and_measure(network, ImageSets(examples["Training Set"], few), None, seed=0)["cka"] == {}


def test_without_fine_tuning_nothing_moves(examples, small_model):
    network, _ = load_model(small_model)
    result = train_and_measure(network, ImageSets(examples["Training Set"], examples["Validation Set"]), None, seed=0)
    assert set(result["moved"].values()) == {0.0}
    assert set(result["cka"].values()) == {1.0}
    assert result["losses"] == []
    assert summarise([result])["epochs_to_best"] is None


def comparison(model, seeds, sets):
    """The jobs, and the work that does one."""
    files = read_model(model)
    return comparison_jobs(files, seeds, sets), partial(train_and_keep, files, sets)


def test_a_job_leaves_what_it_learned_and_goes_with_its_model_only(digits, small_model, tmp_path):
    how = {name: replace(way, epochs=1, head_epochs=0) if way else None for name, way in VARIANTS.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("toolkit.experiments.comparing.VARIANTS", how)
        jobs, work = comparison(small_model, 2, load_sets(digits))
    results = run_jobs(work, jobs, tmp_path / "trainings", "trainings", processes=1)
    validation = load_sets(digits).validation
    for result in results[::3]:
        network, job = load_trained(Path(result["place"]))
        again = predict_logits(network, validation.images).argmax(1).numpy() == validation.labels
        assert again.astype(int).tolist() == result["right"]
        assert job == result["job"]
    network, card = load_model(small_model)
    torch.nn.init.zeros_(network.output.bias)
    save_model(small_model, network, card)
    with pytest.raises(ToolkitError, match="as it is now"):
        load_trained(Path(results[-1]["place"]))
    with pytest.raises(ToolkitError, match="holds no training"):
        load_trained(tmp_path)


def test_a_job_that_was_cut_off_goes_on_in_the_same_epoch(digits, small_model, tmp_path, cut_at_state, monkeypatch):
    how = replace(VARIANTS["last, then all"], epochs=3, head_epochs=3)
    monkeypatch.setattr("toolkit.experiments.comparing.VARIANTS", {"last, then all": how})
    (job,), work = comparison(small_model, 1, load_sets(digits))
    whole = work(job, tmp_path)
    place = tmp_path / "cut"
    for _ in range(3):  # two stages of three epochs
        cut_at_state(2, lambda: work(job, place))
    assert work(job, place) == whole


def test_a_training_that_diverges_is_named_with_a_remedy_that_there_is(digits, small_model, tmp_path, monkeypatch):
    how = replace(VARIANTS["all layers"], lr=1e20)
    monkeypatch.setattr("toolkit.experiments.comparing.VARIANTS", {"all layers": how})
    (job,), work = comparison(small_model, 1, load_sets(digits))
    with pytest.raises(ToolkitError, match=r"^all layers, seed 0: The loss became \w+ in epoch 1\. .*another model"):
        work(job, tmp_path)


def test_changed_digits_make_other_jobs(digits, small_model):
    before, _ = comparison(small_model, 1, load_sets(digits))
    first, second = digits / "Training Set/0/0_01.jpg", digits / "Validation Set/0/0_01.jpg"
    contents = first.read_bytes(), second.read_bytes()
    first.write_bytes(contents[1])
    second.write_bytes(contents[0])
    assert comparison(small_model, 1, load_sets(digits))[0][0]["sets"] != before[0]["sets"]


def answers(*per_seed: str) -> np.ndarray:
    return np.array([[int(mark) for mark in seed] for seed in per_seed])


def test_a_difference_on_few_images_is_not_shown_and_how_many_would_is_said():
    (pair,) = compare_pairs({"a": answers("1111100000", "1111100000"), "b": answers("1111110000", "1111111000")})
    assert pair.difference == pytest.approx(0.15)
    assert (pair.test.only_first, pair.test.only_second) == (0, 1)
    assert not pair.test.shown
    assert f"This shows no difference; about {pair.images:,} images would" in str(pair)


def test_a_difference_on_many_images_is_shown():
    (pair,) = compare_pairs({"a": answers("0" * 20, "0" * 20), "b": answers("1" * 20, "1" * 19 + "0")})
    assert str(pair).endswith("p = 3.8e-06). This shows a difference.")
    assert "b against a: accuracy +97.5 points" in str(pair)


def test_two_seeds_say_little_of_a_difference():
    (pair,) = compare_pairs({"a": answers("0000", "0000"), "b": answers("1100", "1000")})
    assert pair.interval == (-1, 1)  # 37.5 points, and 12.7 times their standard error of 12.5
    assert "over seeds -100.0 to +100.0" in str(pair)


def test_equal_answers_are_no_difference():
    same = answers("110", "101")
    (pair,) = compare_pairs({"a": same, "b": same})
    assert str(pair).endswith("Their accuracies are equal.")


def test_a_summary_tells_mean_spread_and_worst():
    seeds = [
        {"right": [1, 1, 1, 0], "loss": 0.3, "losses": [0.5, 0.3], "moved": {"fc": 0.1}, "cka": {"fc": 1.0}},
        {"right": [1, 1, 0, 0], "loss": 0.5, "losses": [0.4, 0.5], "moved": {"fc": 0.3}, "cka": {"fc": 0.8}},
    ]
    summary = summarise(seeds)
    assert (summary["mean"], summary["worst"], summary["loss"]) == (0.625, 0.5, 0.4)
    assert summary["spread"] == pytest.approx(np.std([0.75, 0.5], ddof=1))
    assert summary["epochs_to_best"] == 1.5
    assert summary["curve_spread"] == pytest.approx(np.std([0.3, 0.5], ddof=1))
    assert summary["moved"] == {"fc": pytest.approx(0.2)}
    assert summary["cka"] == {"fc": pytest.approx(0.9)}
    assert right_answers(seeds).shape == (2, 4)
