import pytest
import torch

from toolkit.data.augment import Augmentation
from toolkit.data.loaders import make_loaders
from toolkit.errors import ToolkitError
from toolkit.models import ARCHITECTURES, build_model
from toolkit.training.fit import fit_one_cycle, make_learner
from toolkit.training.lr_finder import find_learning_rate
from toolkit.training.seeds import seed_everything

SMALL = {
    "mlp": {"hidden": (32, 16)},
    "cnn": {"channels": (8, 8), "hidden": 16},
    "resnet": {"channels": (8, 8, 8, 8)},
}


def make(examples, architecture, batch_size=16):
    seed_everything(0)
    network = build_model(architecture, dropout=0.3, **SMALL[architecture])
    sets = examples["Training Set"], examples["Validation Set"]
    return make_learner(network, make_loaders(*sets, batch_size, 0, torch.device("cpu"), Augmentation()))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_training_after_it_is_the_same_bit_for_bit(examples, architecture):
    states = []
    for look_first in (False, True):
        learner = make(examples, architecture)
        if look_first:
            find_learning_rate(learner, iterations=30)
        fit_one_cycle(learner, 2, [1e-3])
        states.append(learner.model.state_dict())
    without, after = states
    assert all(torch.equal(without[name], after[name]) for name in without)


@pytest.mark.parametrize("batch_size", [1, 16, 80])
def test_eighty_images_are_enough(examples, batch_size):
    found = find_learning_rate(make(examples, "mlp", batch_size))
    assert len(found.rates) == len(found.losses) > 20
    rule, rate = found.suggestion
    assert rule == "valley"
    assert 1e-6 < rate < 10
    assert found.rates == sorted(found.rates)


def test_it_leaves_no_file_and_no_mode_behind(examples, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    find_learning_rate(make(examples, "mlp"), iterations=30)
    assert list(tmp_path.iterdir()) == []


def test_it_needs_no_disk(examples, monkeypatch):
    monkeypatch.setattr(torch, "save", None)
    find_learning_rate(make(examples, "mlp"), iterations=30)


def test_a_loss_that_diverges_at_once_is_said(examples):
    learner = make(examples, "mlp")
    with torch.no_grad():
        learner.model.output.weight.fill_(float("nan"))
    with pytest.raises(ToolkitError, match="no curve to read"):
        _ = find_learning_rate(learner).suggestion


def test_an_easy_first_batch_does_not_end_the_curve(examples):
    learner = make(examples, "mlp")
    usual, calls = learner.loss_func, []

    def easy_at_first(logits, labels):
        calls.append(1)
        return usual(logits, labels) * (1e-4 if len(calls) % 100 == 1 else 1)

    learner.loss_func = easy_at_first
    found = find_learning_rate(learner)
    assert len(found.rates) > 20
    assert found.suggestions
