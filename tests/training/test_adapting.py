import torch

from toolkit.models.bundle import load_model
from toolkit.training.adapting import Adaptation, adapt, layer_rates
from toolkit.training.freezing import freeze_all_but_last

CPU = torch.device("cpu")


def learn(examples, small_model, how, seed=0):
    network, _ = load_model(small_model)
    history = adapt(network, examples["Training Set"], examples["Validation Set"], how, seed, CPU)
    return network.state_dict(), history


def test_the_same_seed_gives_the_same_weights(examples, small_model):
    how = Adaptation(layers=2, lr=1e-2, epochs=1)
    first, again, other = (learn(examples, small_model, how, seed)[0] for seed in (3, 3, 4))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_first_the_last_layer_alone_then_the_others_with_it(examples, small_model):
    head = Adaptation(layers=1, lr=1e-2, epochs=2)
    both = Adaptation(layers=None, lr=1e-3, epochs=1, head_epochs=2, head_lr=1e-2)
    start, (_, alone), (after, history) = (
        load_model(small_model)[0].state_dict(),
        learn(examples, small_model, head),
        learn(examples, small_model, both),
    )
    assert [row.epoch for row in history] == [1, 2, 3]
    assert [row.validation_loss for row in history[:2]] == [row.validation_loss for row in alone]
    assert not torch.equal(after["hidden.0.0.weight"], start["hidden.0.0.weight"])


def test_an_earlier_layer_may_learn_more_slowly(small_model):
    freezing = freeze_all_but_last(load_model(small_model)[0], None)
    assert layer_rates(freezing, Adaptation(None, 1.0, layer_decay=0.5)) == [0.25, 0.5, 1.0]
