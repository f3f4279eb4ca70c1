"""Whenever a training is cut off, it goes on and ends in the same bytes."""

import csv
import dataclasses
import json
import os
import signal
import sys

import pytest
import torch
from fastai.callback.core import Callback

from recipes import finetune_two_layers, train_mlp
from toolkit.data.augment import augmentation
from toolkit.data.loaders import make_loaders
from toolkit.models import build_model
from toolkit.paths import runs_folder
from toolkit.training import state
from toolkit.training.fit import fit_one_cycle, make_learner
from toolkit.training.plain_sgd import fit_plain_sgd
from toolkit.training.seeds import seed_everything
from toolkit.training.state import SavedState

NETWORKS = {
    "mlp": ("mlp", {"hidden": [16], "dropout": 0.3}),
    "cnn": ("cnn", {"channels": (8, 8), "hidden": 16, "dropout": 0.2}),
    "resnet": ("resnet", {"channels": (8, 8, 8, 8)}),
}


class Cut(Exception):  # noqa: N818
    """Stands for the kill."""


class CutAfter(Callback):
    """Raises before the batch of this number, counted over epochs, validation included."""

    order = 200

    def __init__(self, batches):
        super().__init__()
        self.left = batches

    def before_batch(self):
        self.left -= 1
        if self.left < 0:
            raise Cut("fastai asks for a word")


@pytest.fixture(autouse=True)
def always_saved(monkeypatch):
    monkeypatch.setattr(state, "WITHIN_EPOCH", 0.0)
    monkeypatch.setattr(state, "AT_LEAST", 0.0)
    monkeypatch.setattr(state, "SHARE", float("inf"))


@pytest.fixture
def trained(examples, tmp_path):
    """Trains, cut off after each of some numbers of batches and begun again; returns weights and history."""

    def train(network="mlp", plain=False, cuts=(), saved=True, seed=3, **options):
        kept = SavedState(tmp_path / network, {"seed": seed}) if saved else None
        for cut in (*cuts, None):
            seed_everything(seed)
            name, arguments = NETWORKS[network]
            model = build_model(name, **arguments)
            sets = examples["Training Set"], examples["Validation Set"]
            loaders = make_loaders(*sets, 24, seed, torch.device("cpu"), augmentation(1.0))
            learner = make_learner(model, loaders, [CutAfter(cut)] if cut is not None else [])
            try:
                if plain:
                    history = fit_plain_sgd(learner, 4, 0.05, 0.9, show_progress=False, saved=kept)[0]
                else:
                    rates = [0.01]
                    history = fit_one_cycle(learner, 4, rates, show_progress=False, saved=kept, **options)
            except Cut:
                continue
        rows = [dataclasses.replace(row, seconds=0.0) for row in history]
        return {key: tensor.clone() for key, tensor in model.state_dict().items()}, rows, kept

    return train


def assert_same(first, second):
    assert first[1] == second[1]
    assert all(torch.equal(tensor, second[0][name]) for name, tensor in first[0].items())


@pytest.mark.parametrize(
    ("network", "cut"), [("mlp", 1), ("mlp", 3), ("mlp", 6), ("mlp", 11), ("cnn", 7), ("resnet", 6), ("resnet", 7)]
)
def test_a_training_cut_off_anywhere_ends_in_the_same_bytes(trained, network, cut):
    assert_same(trained(network, cuts=[cut]), trained(network, saved=False))


def test_cut_off_after_the_last_epoch(trained):
    whole = trained(saved=False)
    assert_same(trained(), whole)
    assert_same(trained(), whole)


def test_cut_off_again_and_again(trained):
    whole = trained(saved=False, keep_best=True, patience=2)
    assert_same(trained(cuts=[2, 1, 3, 2, 5], keep_best=True, patience=2), whole)


def test_early_stopping_and_the_best_weights_are_remembered(trained, monkeypatch):
    monkeypatch.setattr("toolkit.training.fit.best_epoch", lambda rows: rows[0])
    whole = trained(saved=False, keep_best=True, patience=2)
    assert len(whole[1]) == 3
    assert_same(trained(cuts=[9], keep_best=True, patience=2), whole)


@pytest.mark.parametrize("cut", [0, 1, 2])
def test_plain_sgd_goes_on_too(trained, cut):
    """Its batches raise no events: it is cut in validation, after whole epochs."""
    assert_same(trained(plain=True, cuts=[cut]), trained(plain=True, saved=False))


def test_a_gpu_that_is_gone_is_done_without(trained, monkeypatch):
    of_gpus, set_again = [torch.tensor([number], dtype=torch.uint8) for number in (3, 4)], []
    monkeypatch.setattr(state, "from_all", lambda states: [[*states, *of_gpus]])
    monkeypatch.setattr(state.torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(state.torch.cuda, "set_rng_state_all", set_again.append)
    trained(cuts=[7])
    assert set_again == [of_gpus[:1]]


def test_it_says_where_it_goes_on(trained, capsys):
    kept = trained(cuts=[7])[2]
    assert kept.resumed.startswith("after epoch 1")
    assert kept.seconds > 0
    assert set(kept.facts()) == {"seconds_saving_state", "resumed"}


@pytest.mark.parametrize("harm", [lambda content: content[:-50], lambda content: content[:900] + b"x" + content[901:]])
def test_a_damaged_state_falls_back_to_the_one_before(trained, harm, tmp_path, capsys):
    whole = trained(saved=False)
    trained()
    generations = sorted((tmp_path / "mlp").glob("*.safetensors"))
    assert len(generations) == 2
    generations[1].write_bytes(harm(generations[1].read_bytes()))
    assert_same(trained(), whole)
    assert capsys.readouterr().err.count("is damaged") == 1


def test_the_state_of_another_training_is_not_taken(trained, capsys):
    trained("mlp", seed=1)
    assert_same(trained("mlp", seed=2), trained("mlp", seed=2, saved=False))
    assert "other data or settings" in capsys.readouterr().err


def test_states_cost_at_most_two_percent(trained, monkeypatch, tmp_path):
    monkeypatch.setattr(state, "SHARE", 1e-9)
    trained()
    assert len(list((tmp_path / "mlp").glob("*"))) == 1


def killed_at(write, command):
    """Run ``command`` in a process of its own, which is killed as it is about to have that file or folder on disk."""
    if child := os.fork():
        return os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    try:
        left, sync = [write], os.fsync

        def kill(handle):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            sync(handle)

        os.fsync = kill
        command()
    finally:
        os._exit(0)


def end(folder):
    """The weights and the history of the finished run in ``folder``."""
    with (folder / "history.csv").open() as stream:
        rows = [{**row, "seconds": ""} for row in csv.DictReader(stream)]
    return (folder / "model" / "model.safetensors").read_bytes(), rows


@pytest.mark.skipif(sys.platform != "linux", reason="a fork of this process is killed")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize("recipe", ["train_mlp", "finetune_two_layers"])
def test_a_command_killed_at_any_file_it_writes_ends_in_the_same_bytes(
    recipe, idx_files, digits, small_model, tmp_path, monkeypatch
):
    def command():
        if recipe == "train_mlp":
            return train_mlp.run(hidden="16,8", epochs=6, batch_size=20, dropout=0.2, mnist=idx_files)
        return finetune_two_layers.run(model=str(small_model), epochs=6, patience=4, digits=digits)

    monkeypatch.setenv("TOOLKIT_RUNS", str(tmp_path / "whole"))
    command()
    (whole,) = (tmp_path / "whole" / recipe).iterdir()
    monkeypatch.setenv("TOOLKIT_RUNS", str(tmp_path / "killed"))
    kills = [killed_at(write, command) for write in (2, 9, 4, 7, 12)]
    assert all(kills)
    command()
    runs = [path.parent for path in runs_folder().glob("*/*/run.json")]
    (finished,) = [run for run in runs if json.loads((run / "run.json").read_text())["status"] == "finished"]
    assert end(finished) == end(whole)
    assert "resumed" in json.loads((finished / "run.json").read_text())
    left = [path for path in runs_folder().rglob("*") if path.name.startswith(".") or path.suffix == ".lock"]
    assert left == [] == list(finished.glob("state"))
    assert not [run for run in runs if json.loads((run / "run.json").read_text())["status"] == "running"]
