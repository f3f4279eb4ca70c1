import pytest
import torch
from torch.nn.functional import cross_entropy

from toolkit.errors import ToolkitError
from toolkit.models import all_arguments, build_model
from toolkit.models.bundle import ModelCard, load_model, save_model
from toolkit.models.last_layer import classifier_of, replace_last_layer
from toolkit.models.layer_groups import layer_groups
from toolkit.training.freezing import freeze_all_but_last

FAMILIES = [  # a small network of each
    "test_vit",
    "test_resnet",
    "starnet_s050",
    "test_vit_relpos",
    "cspnext_tiny",
    "test_byobnet",
    "lcnet_035",
    "xcit_nano_12_p8_224",
    "shvit_s1",
    "convit_tiny",
    "test_mambaout",
    "darknet17",
    "test_efficientnet",
    "efficientvit_b0",
    "test_nfnet",
    "efficientvit_m0",
    "rexnet_100",
    "cait_xxs24_224",
    "skresnet18",
    "resnest14d",
    "tiny_vit_5m_224",
    "repghostnet_050",
    "mobilevit_xxs",
    "ghostnet_050",
    "lcnetv2_small",
    "hardcorenas_a",
    "legacy_seresnet18",
    "fastvit_t8",
    "hgnet_tiny",
    "mobilenetv3_small_050",
]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_learns_a_step_and_its_layers_go_from_input_to_output(name):
    torch.manual_seed(0)
    network = build_model(f"timm:{name}", 5)
    images = torch.randint(0, 256, (4, 1, 28, 28), dtype=torch.uint8)
    loss = cross_entropy(network.train()(images), torch.tensor([0, 1, 2, 4]))
    loss.backward()
    assert loss.isfinite()
    groups = layer_groups(network)
    grouped = [id(p) for group in groups for p in group.parameters()]
    assert sorted(grouped) == sorted(id(p) for p in network.parameters())
    assert len(groups) >= 2
    first = next(iter(network.parameters()))
    classifier = classifier_of(network)
    assert any(p is first for p in groups[0].parameters())
    assert any(p is classifier.weight for p in groups[-1].parameters())
    with torch.no_grad():
        for parameter in network.parameters():
            parameter -= 1e-3 * parameter.grad if parameter.grad is not None else 0
    replace_last_layer(network, list("abcde"), list("xyb"))
    assert network.eval()(images).shape == (4, 3)
    assert len(freeze_all_but_last(network, 1).learning) == 1


def test_it_is_saved_and_loaded(tmp_path):
    network = build_model("timm:lcnet_035", 3, dropout=0.2).eval()
    arguments = all_arguments("timm:lcnet_035", dropout=0.2)
    card = ModelCard("small", "timm:lcnet_035", arguments, ["a", "b", "c"], {}, "none", {}, {})
    save_model(tmp_path / "model", network, card)
    images = torch.randint(0, 256, (4, 1, 28, 28), dtype=torch.uint8)
    assert torch.equal(load_model(tmp_path / "model")[0](images), network(images))


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("mobilenetv3_smal_050", "Did you mean 'timm:mobilenetv3_small_050'?"),
        ("inception_v4", "cannot be built for one"),
    ],
)
def test_what_cannot_be_trained_gets_one_line(name, complaint):
    with pytest.raises(ToolkitError, match=complaint) as error:
        build_model(f"timm:{name}")
    assert "\n" not in str(error.value)
