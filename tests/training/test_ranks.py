"""Several processes train as one does."""

import dataclasses
import json
import os
import signal
import sys

import pytest
import torch
from fastai.callback.core import Callback
from fastai.learner import Recorder

from recipes import pretrain_mnist, train_mlp
from tests.ranks import environment, on_ranks
from toolkit.data.augment import augmentation
from toolkit.data.loaders import make_loaders
from toolkit.errors import ToolkitError
from toolkit.models import build_model
from toolkit.models.bundle import load_model
from toolkit.paths import runs_folder
from toolkit.ranks import rank, world_size
from toolkit.training import state
from toolkit.training.fit import LossNotFiniteError, fit_one_cycle, make_learner
from toolkit.training.ranks import TrainTogether, joined
from toolkit.training.seeds import seed_everything
from toolkit.training.state import SavedState

CPU = torch.device("cpu")
pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="forks of this process are the ranks"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]
NETWORKS = {
    "mlp": {"hidden": (16,)},
    "cnn": {"channels": (4, 8), "hidden": 16, "convolutions": 1},
    "timm:test_efficientnet": {},  # its layers normalise and activate in one
}


class Strike(Callback):
    """Does something before the loss of the batch of this number is looked at, on the second rank or on all."""

    order = -6

    def __init__(self, what, batch, everywhere=False):
        super().__init__()
        self.what, self.left, self.everywhere = what, batch, everywhere

    def after_loss(self):
        self.left -= 1
        if not self.left and (rank() or self.everywhere):
            self.what(self.learn)


@pytest.fixture
def train(examples):
    """Trains a network in float64, where rounding does not grow; returns its weights and its history."""

    def train(network="mlp", epochs=2, distorted=False, callbacks=(), saved=None, patience=None, lr=2e-3):
        seed_everything(3)
        model = build_model(network, **NETWORKS[network], **({"dropout": 0.3} if distorted else {})).double()
        model.pixels.register_forward_hook(lambda module, inputs, output: output.double())
        sets = examples["Training Set"], examples["Validation Set"]
        loaders = make_loaders(*sets, 9, 3, CPU, augmentation(1.0 if distorted else 0.0))
        together = [TrainTogether()] if world_size() > 1 else []
        learner = make_learner(model, loaders, [*together, *callbacks])
        learner.remove_cb(Recorder)  # knows float32 only
        with joined(CPU):
            options = {"keep_best": True, "patience": patience, "show_progress": False, "saved": saved}
            history = fit_one_cycle(learner, epochs, [lr], **options)
        return dict(model.state_dict()), [dataclasses.replace(row, seconds=0.0) for row in history]

    return train


def assert_same(first, second, **tolerance):
    torch.testing.assert_close(first[0], second[0], **tolerance)
    rows = [[list(dataclasses.astuple(row)) for row in history] for _, history in (first, second)]
    torch.testing.assert_close(*map(torch.tensor, rows), rtol=1e-6, atol=0)


@pytest.mark.parametrize("network", NETWORKS)
def test_two_ranks_end_as_one_process_does(network, train, tmp_path):
    """18 batches of 8 and 9 images, shared unequally."""
    first, second = on_ranks(tmp_path, lambda: train(network))
    assert_same(first, second, rtol=0, atol=0)
    assert_same(first, train(network), rtol=1e-6, atol=1e-7)


def test_three_ranks_agree_on_the_best_epoch_and_stop_together(train, tmp_path):
    ends = on_ranks(tmp_path, lambda: train(epochs=20, patience=2, lr=0.5), ranks=3)
    assert len(ends[0][1]) < 20
    for end in ends[1:]:
        assert_same(end, ends[0], rtol=0, atol=0)
    assert_same(ends[0], train(epochs=20, patience=2, lr=0.5), rtol=1e-6, atol=1e-6)


def test_chance_strikes_every_rank_differently_and_every_time_alike(train, tmp_path):
    drawn = on_ranks(tmp_path, lambda: (train(distorted=True), torch.rand(1).item()))
    again = on_ranks(tmp_path, lambda: (train(distorted=True), torch.rand(1).item()))
    assert drawn[0][1] != drawn[1][1]
    assert_same(drawn[0][0], again[0][0], rtol=0, atol=0)


def test_a_loss_that_is_not_finite_on_one_rank_stops_all(train, tmp_path):
    def spoil(learner):
        learner.loss_grad = learner.loss_grad * float("nan")
        learner.loss = learner.loss_grad.clone()

    def work():
        with pytest.raises(LossNotFiniteError, match="became nan in epoch 1"):
            train(callbacks=[Strike(spoil, 4)])
        return "stopped"

    assert on_ranks(tmp_path, work) == ["stopped", "stopped"]


def test_a_rank_killed_ends_the_others_with_one_line(train, tmp_path):
    def work():
        with pytest.raises(ToolkitError, match="One of the 2 processes is gone") as ended:
            train("cnn", callbacks=[Strike(lambda _: os.kill(os.getpid(), signal.SIGKILL), 4)])
        return str(ended.value)

    line, killed = on_ranks(tmp_path, work)
    assert killed == -signal.SIGKILL
    assert line.endswith("it goes on where it stopped.")


def test_a_training_cut_off_goes_on_and_ends_in_the_same_bytes(train, tmp_path, monkeypatch):
    monkeypatch.setattr(state, "AT_LEAST", 0.0)
    monkeypatch.setattr(state, "SHARE", float("inf"))

    def work(name, *strikes):
        saved = SavedState(tmp_path / name, "x")
        return *train(epochs=3, distorted=True, callbacks=strikes, saved=saved), saved.resumed

    whole = on_ranks(tmp_path / "a", lambda: work("whole"))
    on_ranks(tmp_path / "b", lambda: work("cut", Strike(lambda _: os._exit(1), 25, everywhere=True)))
    cut = on_ranks(tmp_path / "c", lambda: work("cut"))
    for first, second in zip(cut, whole, strict=True):
        assert_same(first[:2], second[:2], rtol=0, atol=0)
        assert first[2].startswith("after epoch")


@pytest.mark.usefixtures("brief")
def test_one_rank_has_the_runs_folder_and_prints(idx_files, tmp_path):
    options = {"model": "mlp", "epochs": 1, "held_out": 20, "batch_size": 30, "mnist": idx_files}
    scores = on_ranks(tmp_path / "ranks", lambda: pretrain_mnist.run(**options))
    assert scores[0] == scores[1]
    (folder,) = (runs_folder() / "pretrain_mnist").iterdir()
    assert load_model(folder)[1].scores["mnist_test"]["correct"] == scores[0].correct
    record = json.loads((folder / "run.json").read_text())
    assert (record["status"], record["world_size"]) == ("finished", 2)
    assert str(folder) in (tmp_path / "ranks" / "said0").read_text()
    assert (tmp_path / "ranks" / "said1").read_text() == ""


def test_recipes_that_train_otherwise_are_refused(monkeypatch):
    for name, value in environment(0).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ToolkitError, match="train_mlp runs as one process, not as 2"):
        train_mlp.run()


def test_the_shares_of_all_ranks_are_the_batches_of_one_process(examples, monkeypatch):
    def batches():
        loaders = make_loaders(examples["Training Set"], examples["Validation Set"], 9, 0, CPU)
        return [[images for images, _ in loader] for loader in (loaders.train, loaders.valid)]

    whole, shares = batches(), []
    for number in range(2):
        for name, value in environment(number).items():
            monkeypatch.setenv(name, value)
        shares.append(batches())
    for one, *parts in zip(whole, *shares, strict=True):
        for batch, *own in zip(one, *parts, strict=True):
            assert torch.equal(torch.cat(own), batch)
            assert max(map(len, own)) - min(map(len, own)) <= 1


def test_batches_too_small_to_share_are_refused(examples, monkeypatch):
    for name, value in environment(0, ranks=3).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ToolkitError, match="Choose one from 5 to 80"):
        make_loaders(examples["Training Set"], examples["Validation Set"], 4, 0, CPU)
