"""On a GPU where there is one; elsewhere the step, called anew, stands for its graph."""

from contextlib import suppress

import pytest
import torch
from fastai.callback.core import Callback

from toolkit.data.augment import augmentation
from toolkit.data.loaders import make_loaders
from toolkit.models import build_model
from toolkit.training import gpu, state
from toolkit.training.fit import Autocast, LossNotFiniteError, StopAtNonFiniteLoss, fit_one_cycle, make_learner
from toolkit.training.plain_sgd import fit_plain_sgd
from toolkit.training.seeds import seed_everything
from toolkit.training.state import SavedState

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def called(function, kept=()):
    """In place of a graph: the function anew, after the calls that recording makes."""
    sizes = set()

    def call(*inputs):
        if len(inputs[0]) not in sizes:
            sizes.add(len(inputs[0]))
            before = [tensor.clone() for tensor in kept]
            with torch.random.fork_rng():
                for _ in range(3):
                    function(*inputs)
            for tensor, value in zip(kept, before, strict=True):
                tensor.copy_(value)
        return function(*inputs)

    return call


@pytest.fixture(autouse=True)
def graphs(monkeypatch):
    if DEVICE.type == "cpu":
        monkeypatch.setattr(gpu, "recorded", called)


@pytest.fixture
def learner(examples):
    """With 80 images in batches of 27, 27 and 26."""

    def make(network="mlp", recorded=True, seed=0, device=DEVICE, **arguments):
        seed_everything(seed)
        model = build_model(network, dropout=0.2, **arguments).to(device)
        loaders = make_loaders(*list(examples.values())[:2], 27, seed, device, augmentation(1.0))
        return make_learner(model, loaders, [gpu.RecordedSteps()] if recorded else [])

    return make


def weights(learner):
    return {name: tensor.clone() for name, tensor in learner.model.state_dict().items()}


def assert_same(first, second, atol=0.0):
    for name, tensor in first.items():
        assert torch.allclose(tensor, second[name], rtol=0, atol=atol), name


@pytest.mark.parametrize("network", ["mlp", "cnn"])
def test_recorded_steps_train_as_others_do(learner, network):
    plain = learner(network, recorded=False)
    before = fit_one_cycle(plain, 2, [1e-3])[-1]
    recorded = learner(network)
    after = fit_one_cycle(recorded, 2, [1e-3])[-1]
    assert_same(weights(plain), weights(recorded), atol=0.0 if DEVICE.type == "cpu" else 2e-3)
    assert after.training_loss == pytest.approx(before.training_loss, rel=1e-2)
    assert not any(parameter.grad.any() for parameter in recorded.model.parameters())


def test_autocast_ends_with_every_batch(learner):
    trained = learner()
    trained.add_cb(Autocast())
    fit_one_cycle(trained, 1, [1e-3])
    assert not torch.is_autocast_enabled(DEVICE.type)
    assert trained.model.output.weight.dtype == torch.float32


def test_a_training_with_fused_steps_goes_on_in_the_same_bytes(learner, tmp_path, monkeypatch):
    monkeypatch.setattr(state, "AT_LEAST", 0.0)
    monkeypatch.setattr(state, "SHARE", float("inf"))

    def trained(epochs, saved=None):
        begun = learner("cnn", channels=(2, 4))
        if epochs < 3:
            begun.add_cb(Cut(epochs))
        with suppress(KeyboardInterrupt):
            fit_one_cycle(begun, 3, [1e-2], show_progress=False, saved=saved)
        return weights(begun)

    saved = SavedState(tmp_path, "x")
    trained(2, saved)
    assert_same(trained(3), trained(3, saved))
    assert saved.resumed == "after epoch 2"


class Cut(Callback):
    """Stops before the epoch after so many."""

    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs

    def before_epoch(self):
        if self.learn.epoch == self.epochs:
            raise KeyboardInterrupt


def test_a_loss_that_is_not_finite_ends_training_with_its_epoch(learner, monkeypatch):
    monkeypatch.delattr(StopAtNonFiniteLoss, "after_loss")  # a GPU's losses are not looked at one by one
    broken = learner()
    with torch.no_grad():
        broken.model.output.weight.fill_(float("inf"))
    with pytest.raises(LossNotFiniteError, match="The loss became nan in epoch 1"):
        fit_one_cycle(broken, 3, [1e-2])


def test_plain_sgd_stops_too(learner):
    rows, complaint = fit_plain_sgd(learner(recorded=False), 3, 1e12, show_progress=False)
    assert not rows
    assert "in epoch 1" in complaint
