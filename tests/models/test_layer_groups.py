import pytest

from toolkit.models import build_model
from toolkit.models.layer_groups import layer_groups

NAMES = {
    "mlp": ["hidden.0", "hidden.1", "output"],
    "cnn": ["blocks.0", "blocks.1", "blocks.2", "hidden", "output"],
    "resnet": ["conv1+bn1", "layer1", "layer2", "layer3", "layer4", "fc"],
}


@pytest.mark.parametrize(("architecture", "names"), NAMES.items())
def test_groups_go_from_input_to_output(architecture, names):
    assert [group.name for group in layer_groups(build_model(architecture))] == names


@pytest.mark.parametrize("architecture", NAMES)
def test_every_parameter_is_in_exactly_one_group(architecture):
    network = build_model(architecture)
    grouped = [id(p) for group in layer_groups(network) for p in group.parameters()]
    assert sorted(grouped) == sorted(id(p) for p in network.parameters())
