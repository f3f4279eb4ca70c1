import json
from dataclasses import replace

import pytest
import torch

from toolkit.data.parts import load_parts
from toolkit.errors import ToolkitError
from toolkit.training import trainings as module
from toolkit.training.trainings import Setting, Trainings, choose_processes, train

CPU = torch.device("cpu")
SETTING = Setting("mlp", {"hidden": [16, 8]}, learning_rate=0.05, batch_size=20, epochs=2)


@pytest.fixture
def parts(idx_files):
    return load_parts(idx_files)


@pytest.fixture
def trainings(parts, tmp_path):
    return Trainings(tmp_path / "trainings", parts, CPU, processes=1)


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


def test_finished_trainings_are_not_repeated(trainings, counted):
    (first,) = trainings.outcomes([SETTING], [0, 1])
    other = replace(SETTING, learning_rate=0.1)
    again, _ = trainings.outcomes([SETTING, other], [0, 1])
    assert again == first
    assert counted == [(0.05, 0), (0.05, 1), (0.1, 0), (0.1, 1)]


def test_after_an_interruption_only_the_rest_is_trained(trainings, counted, monkeypatch):
    def interrupted(setting, seed, *arguments, **options):
        if seed == 2:
            raise KeyboardInterrupt
        counted.append(seed)
        return train(setting, seed, *arguments, **options)

    counting = module.train
    monkeypatch.setattr(module, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trainings.outcomes([SETTING], range(4))
    assert counted == [0, 1]
    counted.clear()
    monkeypatch.setattr(module, "train", counting)
    (outcomes,) = trainings.outcomes([SETTING], range(4))
    assert [seed for _, seed in counted] == [2, 3]
    assert [outcome.seed for outcome in outcomes] == [0, 1, 2, 3]


def test_a_damaged_file_is_trained_again(trainings, counted):
    trainings.outcomes([SETTING], [0])
    (path,) = trainings.folder.iterdir()
    path.write_text(path.read_text()[:50])
    trainings.outcomes([SETTING], [0])
    assert len(counted) == 2
    assert json.loads(path.read_text())["seed"] == 0


def test_other_data_are_another_training(trainings, counted, idx_files):
    trainings.outcomes([SETTING], [0])
    replace(trainings, parts=load_parts(idx_files, seed=1)).outcomes([SETTING], [0])
    assert len(counted) == 2


def test_side_by_side_gives_the_same_as_one_after_the_other(trainings, tmp_path):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        (alone,) = trainings.outcomes([SETTING], [0, 1])
        (together,) = replace(trainings, folder=tmp_path / "other", processes=2).outcomes([SETTING], [0, 1])
    finally:
        torch.set_num_threads(threads)
    assert list(map(without_times, alone)) == list(map(without_times, together))


def test_a_training_that_diverges_is_an_outcome_as_well(trainings):
    ((outcome,),) = trainings.outcomes([replace(SETTING, learning_rate=1e9, epochs=20)], [0])
    assert "loss" in outcome.complaint
    assert outcome.accuracy == 0


def test_no_processes_are_refused():
    assert choose_processes(3) == 3
    assert 1 <= choose_processes(None) <= 4
    with pytest.raises(ToolkitError, match="Choose 1 or more"):
        choose_processes(0)
