import math
from dataclasses import replace

import pytest
import torch

from recipes import finetune_two_layers
from toolkit.data.image_sets import ImageSets
from toolkit.data.labelled_images import LabelledImages
from toolkit.errors import ToolkitError
from toolkit.models.bundle import load_model
from toolkit.training.adapting import ADAPTATIONS, Adaptation, adapt, layer_rates, load_for
from toolkit.training.freezing import freeze_all_but_last

CPU = torch.device("cpu")


def learn(examples, small_model, how, seed=0):
    network, _ = load_model(small_model)
    history = adapt(network, ImageSets(examples["Training Set"], examples["Validation Set"]), how, seed, CPU)
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


def test_a_model_starts_as_it_is_where_it_knows_just_these_classes(examples, small_model):
    start = load_for(small_model, examples["Training Set"])
    assert not start.new_layer
    before = load_model(small_model)[0].state_dict()
    assert all(torch.equal(tensor, before[name]) for name, tensor in start.network.state_dict().items())


def test_other_classes_get_a_last_layer_that_says_what_it_knows(examples):
    digits = examples["Training Set"]
    letters = LabelledImages(digits.images, digits.labels, (*"01234", *"ABCDE"))
    start = load_for("mnist_mlp", letters)
    assert start.new_layer
    assert (start.kept, start.new) == (tuple("01234"), tuple("ABCDE"))
    assert start.first_loss < math.log(10)
    assert "new, for 10 classes instead of 10; known before: 0, 1, 2, 3, 4" in str(start)


@pytest.mark.usefixtures("brief")
def test_the_last_layer_may_learn_alone_first(letters):
    options = {"model": "mnist_mlp", "digits": letters, "epochs": 1, "lr": 1e-3, "batch_size": 40}
    plain = finetune_two_layers.run(**options, probe=0)
    probed = finetune_two_layers.run(**options, probe=5)
    assert probed.loss < plain.loss


def test_a_probe_that_diverges_says_how_to_do_without(letters, monkeypatch):
    monkeypatch.setitem(ADAPTATIONS, 1, replace(ADAPTATIONS[1], lr=1e38))
    with pytest.raises(ToolkitError, match=r"^Linear probe: The loss became .* Leave --probe out\.$"):
        finetune_two_layers.run(model="mnist_mlp", digits=letters, probe=2, batch_size=40)
