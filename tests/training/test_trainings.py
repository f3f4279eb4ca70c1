from dataclasses import replace

import pytest
import torch

from toolkit.data.parts import load_parts
from toolkit.training import trainings as module
from toolkit.training.trainings import Setting, train, train_all

CPU = torch.device("cpu")
SETTING = Setting("mlp", {"hidden": [16, 8]}, learning_rate=0.05, batch_size=20, epochs=2)


@pytest.fixture
def parts(idx_files):
    return load_parts(idx_files)


@pytest.fixture
def counted(monkeypatch):
    """The trainings that really happen."""
    happened = []

    def counting(setting, seed, *arguments, **options):
        happened.append((setting.learning_rate, seed))
        return train(setting, seed, *arguments, **options)

    monkeypatch.setattr(module, "train", counting)
    return happened


def without_times(outcome):
    return replace(outcome, history=tuple(replace(row, seconds=0.0) for row in outcome.history))


def test_a_training_is_decided_by_setting_and_seed(parts):
    first, again, other = (train(SETTING, seed, parts, CPU)[1] for seed in (0, 0, 1))
    assert without_times(first) == without_times(again)
    assert without_times(first) != without_times(other)
    assert first.accuracy == first.history[-1].validation_accuracy


def test_finished_trainings_are_not_repeated(parts, tmp_path, counted):
    (first,) = train_all([SETTING], [0, 1], parts, CPU, tmp_path, processes=1)
    other = replace(SETTING, learning_rate=0.1)
    again, _ = train_all([SETTING, other], [0, 1], parts, CPU, tmp_path, processes=1)
    assert again == first
    assert [outcome.seed for outcome in again] == [0, 1]
    assert counted == [(0.05, 0), (0.05, 1), (0.1, 0), (0.1, 1)]


def test_other_data_are_another_training(parts, tmp_path, counted, idx_files):
    for data in (parts, load_parts(idx_files, seed=1)):
        train_all([SETTING], [0], data, CPU, tmp_path, processes=1)
    assert len(counted) == 2


def test_side_by_side_gives_the_same_as_one_after_the_other(parts, tmp_path):
    (alone,) = train_all([SETTING], [0, 1], parts, CPU, tmp_path / "alone", processes=1)
    (together,) = train_all([SETTING], [0, 1], parts, CPU, tmp_path / "together", processes=2)
    assert list(map(without_times, alone)) == list(map(without_times, together))


def test_a_training_that_diverges_is_an_outcome_as_well(parts, tmp_path):
    diverging = replace(SETTING, learning_rate=1e9, epochs=20)
    ((outcome,),) = train_all([diverging], [0], parts, CPU, tmp_path, processes=1)
    assert "loss" in outcome.complaint
    assert outcome.accuracy == 0
