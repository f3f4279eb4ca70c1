import json

import pytest
import torch

from toolkit.errors import ToolkitError
from toolkit.models import ARCHITECTURES, all_arguments, build_model
from toolkit.models.pixels import MNIST_MEAN, MNIST_STD, StandardisePixels


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_raw_pixels_in_logits_out(architecture, examples):
    network = build_model(architecture, dropout=0.5).eval()
    images = torch.from_numpy(examples["Validation Set"].images)
    logits = network(images)
    assert logits.shape == (20, 10)
    assert logits.dtype == torch.float32
    assert torch.equal(logits, network(images.float()))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_dropout_is_an_argument(architecture, examples):
    images = torch.from_numpy(examples["Validation Set"].images)
    for dropout, random in ((0.0, False), (0.5, True)):
        network = build_model(architecture, dropout=dropout)
        for module in network.modules():
            module.train(not isinstance(module, torch.nn.BatchNorm2d))
        assert torch.equal(network(images), network(images)) is not random


def test_the_resnet_keeps_useful_resolution():
    network = build_model("resnet").network
    sides = []
    for stage in (network.layer1, network.layer2, network.layer3, network.layer4):
        stage.register_forward_hook(lambda _, __, output: sides.append(output.shape[-1]))
    network.forward_features(torch.zeros(1, 1, 28, 28))
    assert sides == [14, 7, 4, 2]


def test_widths_and_depth_of_the_mlp_are_arguments():
    network = build_model("mlp", hidden=(50, 40, 30))
    assert [layer[0].out_features for layer in network.hidden] == [50, 40, 30]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_all_arguments_rebuild_a_network_whatever_its_defaults(architecture):
    arguments = all_arguments(architecture, dropout=0.25)
    assert arguments["dropout"] == 0.25
    assert {"mlp": "hidden", "cnn": "channels", "resnet": "stem_width"}[architecture] in arguments
    rebuilt = build_model(architecture, **json.loads(json.dumps(arguments)))
    shapes = [p.shape for p in build_model(architecture).parameters()]
    assert [p.shape for p in rebuilt.parameters()] == shapes


def test_pixels_get_mean_zero_and_deviation_one():
    pixels = torch.tensor([MNIST_MEAN - MNIST_STD, MNIST_MEAN + MNIST_STD])
    assert torch.allclose(StandardisePixels()(pixels), torch.tensor([-1.0, 1.0]), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "arguments", "complaint"),
    [("lenet", {}, "Unknown architecture 'lenet'"), ("mlp", {"width": 3}, "cannot be built")],
)
def test_what_does_not_exist_is_refused(name, arguments, complaint):
    with pytest.raises(ToolkitError, match=complaint):
        build_model(name, **arguments)


def test_layer_normalisation_is_an_argument_of_the_mlp_and_off_by_default():
    def norms(network):
        return [m.normalized_shape for m in network.modules() if isinstance(m, torch.nn.LayerNorm)]

    assert norms(build_model("mlp", hidden=(50, 40), layer_norm=True)) == [(50,), (40,)]
    assert norms(build_model("mlp", hidden=(50, 40))) == []


@pytest.mark.parametrize("hidden", [(0,), (20, -1), (2.5,)])
def test_layers_without_neurons_are_refused(hidden):
    with pytest.raises(ToolkitError, match="whole numbers above 0"):
        build_model("mlp", hidden=hidden)


@pytest.mark.parametrize(("norm", "kind"), [("batch", "BatchNorm2d"), ("layer", "GroupNorm"), ("none", None)])
def test_the_norm_and_the_convolutions_per_block_of_the_cnn_are_arguments(norm, kind):
    network = build_model("cnn", channels=(8, 16), norm=norm, convolutions=1)
    kinds = [type(module).__name__ for module in network.blocks.modules()]
    assert kinds.count("Conv2d") == 2
    assert {name for name in kinds if "Norm" in name} == ({kind} if kind else set())


def test_a_norm_that_does_not_exist_is_refused():
    with pytest.raises(ToolkitError, match="no norm 'group'"):
        build_model("cnn", norm="group")
