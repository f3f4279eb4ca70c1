import math

import numpy as np
import pytest
import torch
from torch import nn

from toolkit.classes import DIGITS
from toolkit.errors import ToolkitError
from toolkit.evaluation.scores import predict_logits
from toolkit.models import ARCHITECTURES
from toolkit.models.bundle import load_model
from toolkit.models.last_layer import balance_new_classes, classifier_of, replace_last_layer

MIXED = (*"01234", "A", "B")
MODELS = [f"mnist_{name}" for name in ARCHITECTURES]


@pytest.mark.parametrize("model", MODELS)
def test_classes_that_both_know_keep_their_weights_and_new_ones_start_at_zero(model):
    network, _ = load_model(model)
    before = {name: tensor.clone() for name, tensor in classifier_of(network).state_dict().items()}
    assert replace_last_layer(network, DIGITS, ("A", "3", "B", "1")) == ["3", "1"]
    after = classifier_of(network)
    assert after.weight.shape == (4, before["weight"].shape[1])
    for row, label in ((1, 3), (3, 1)):
        assert torch.equal(after.weight[row], before["weight"][label])
        assert after.bias[row] == before["bias"][label]
    assert not after.weight[[0, 2]].any()
    assert not after.bias[[0, 2]].any()


@pytest.mark.parametrize("model", MODELS)
def test_a_subset_of_the_classes_is_read_as_before(model, examples):
    images = examples["Validation Set"].images
    network, _ = load_model(model)
    before = predict_logits(network, images)[:, 2:5]
    replace_last_layer(network, DIGITS, DIGITS[2:5])
    assert torch.allclose(predict_logits(network, images), before, atol=1e-5)
    assert not network.training


def test_the_same_classes_change_nothing_and_no_randomness_is_spent():
    network, _ = load_model("mnist_mlp")
    before = classifier_of(network)
    state = torch.random.get_rng_state()
    replace_last_layer(network, DIGITS, DIGITS)
    assert classifier_of(network) is before
    replace_last_layer(network, DIGITS, ("a", "b"))
    assert torch.equal(torch.random.get_rng_state(), state)


def first_loss(network, digits, labels) -> float:
    return float(nn.functional.cross_entropy(predict_logits(network, digits.images), torch.from_numpy(labels)))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "wanted", [tuple("ABCDEFGHIJ"), (*"01234", *"ABCDE"), DIGITS[::-1]], ids=["new", "some", "all"]
)
def test_the_first_loss_is_not_worse_than_chance_and_is_what_is_said(model, wanted, examples):
    digits, wanted = examples["Training Set"], tuple(wanted)
    labels = digits.labels if wanted != DIGITS[::-1] else 9 - digits.labels
    network, _ = load_model(model)
    kept = replace_last_layer(network, DIGITS, wanted)
    said = balance_new_classes(network, digits.images, labels, kept, wanted)
    assert said == pytest.approx(first_loss(network, digits, labels), abs=1e-4)
    assert said <= math.log(10) + 1e-6
    if not kept:
        assert said == pytest.approx(math.log(10))


def test_kept_weights_that_mislead_are_given_up(examples):
    digits = examples["Training Set"]
    shifted = (digits.labels + 1) % 10  # names that mean something else here
    wanted = (*DIGITS[:9], "A")
    network, _ = load_model("mnist_mlp")
    kept = replace_last_layer(network, DIGITS, wanted)
    assert balance_new_classes(network, digits.images, shifted, kept, wanted) == pytest.approx(math.log(10))
    assert first_loss(network, digits, shifted) == pytest.approx(math.log(10), abs=1e-5)


def test_a_network_without_a_linear_last_layer_is_refused():
    with pytest.raises(ToolkitError, match="cannot be replaced"):
        replace_last_layer(nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), DIGITS, ("a", "b"))


def test_labels_are_counted_by_the_new_order(examples):
    digits = examples["Validation Set"]
    network, _ = load_model("mnist_cnn")
    replace_last_layer(network, DIGITS, DIGITS[::-1])
    assert (predict_logits(network, digits.images).argmax(1).numpy() == 9 - digits.labels).mean() > 0.7
    assert np.unique(digits.labels).tolist() == list(range(10))


class WithoutBias(nn.Module):
    def __init__(self):
        super().__init__()
        self.output = nn.Linear(784, 10, bias=False)

    def forward(self, images):
        return self.output(images.flatten(1) / 255)

    def get_classifier(self):
        return self.output


def test_a_last_layer_may_have_no_bias(examples):
    digits, network = examples["Training Set"], WithoutBias()
    kept = replace_last_layer(network, DIGITS, MIXED)
    few = digits.take(np.flatnonzero(digits.labels < len(MIXED)))
    assert balance_new_classes(network, few.images, few.labels, kept, MIXED) <= math.log(len(MIXED)) + 1e-6
    assert network.output.bias is None
    assert network.output.weight.shape == (7, 784)
