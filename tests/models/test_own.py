import json

import pytest
import torch

from toolkit.errors import ToolkitError
from toolkit.models import all_arguments, build_model, own
from toolkit.models.bundle import ModelCard, load_model, save_model
from toolkit.models.layer_groups import layer_groups

SOURCE = '''"""A network of one's own."""
import torch
from torch import nn


class Mine(nn.Module):
    def __init__(self, width: int = 8, classes: int = 10) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, width, 3)
        self.middle = nn.Linear(width, 12)
        self.last = nn.Linear(12, classes)

    def forward(self, images):
        return self.last(self.middle(self.first(images.float() / 255).mean(dim=(2, 3))))

    def get_classifier(self):
        return self.last

    def reset_classifier(self, num_classes):
        self.last = nn.Linear(12, num_classes)


class Open(Mine):
    def __init__(self, width: int = 8, *, classes: int, **options) -> None:
        super().__init__(width, classes)


class Deaf(nn.Linear):
    def __init__(self, classes: int) -> None:
        super().__init__(3, classes)


class Narrow(nn.Module):
    def __init__(self) -> None:
        super().__init__()


def function(classes):
    return nn.Linear(2, classes)
'''
MINE = "recipes/my_network.py:Mine"


@pytest.fixture
def recipes(tmp_path, monkeypatch):
    folder = tmp_path / "recipes"
    folder.mkdir()
    (folder / "my_network.py").write_text(SOURCE)
    (folder / "broken.py").write_text("import nothing_of_that_name")
    monkeypatch.setattr(own, "RECIPES", folder)
    return folder


def card(architecture: str, **arguments) -> ModelCard:
    return ModelCard("mine", architecture, arguments, ["a", "b", "c"], {}, "none", {}, {})


def test_a_network_of_ones_own_is_built_and_has_layer_groups(recipes):
    network = build_model(MINE, 7, width=4)
    assert network(torch.zeros(2, 1, 28, 28)).shape == (2, 7)
    assert all_arguments(MINE) == {"width": 8}
    assert [group.name for group in layer_groups(network)] == ["first", "middle", "last"]


def test_only_arguments_with_a_default_can_be_built_again(recipes):
    assert all_arguments("recipes/my_network.py:Open") == {"width": 8}


def test_trying_it_out_spends_no_randomness(recipes):
    torch.manual_seed(0)
    weights = build_model(MINE).first.weight
    after = torch.rand(1)
    torch.manual_seed(0)
    again = own.own_class(MINE)()
    assert torch.equal(again.first.weight, weights)
    assert torch.equal(torch.rand(1), after)


def test_it_is_saved_and_loaded_as_long_as_its_file_is_the_same(recipes, tmp_path):
    network = build_model(MINE, 3)
    save_model(tmp_path / "model", network, card(MINE, width=8))
    loaded, _ = load_model(tmp_path / "model")
    assert torch.equal(loaded.first.weight, network.first.weight)
    (recipes / "my_network.py").write_text(SOURCE + "\n# changed\n")
    with pytest.raises(ToolkitError, match="is not as it was"):
        load_model(tmp_path / "model")


def test_its_own_width_is_loaded_and_a_foreign_cards_is_not(recipes, tmp_path):
    (recipes / "my_network.py").write_text(SOURCE.replace("width: int = 8", "width: int = 20_000"))
    save_model(tmp_path / "model", build_model(MINE, 3), card(MINE, **all_arguments(MINE)))
    assert load_model(tmp_path / "model")[0].first.weight.shape[0] == 20_000
    path = tmp_path / "model" / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "arguments": {"width": 20_001}}))
    with pytest.raises(ToolkitError, match="describes a larger network than"):
        load_model(tmp_path / "model")


def test_a_foreign_card_runs_nothing(recipes, tmp_path):
    marker = tmp_path / "ran"
    (tmp_path / "evil.py").write_text(f"open({str(marker)!r}, 'w')")
    (recipes / "evil.py").write_text(f"open({str(marker)!r}, 'w')")
    save_model(tmp_path / "model", build_model("mlp", 3, hidden=(4,)), card("mlp", hidden=[4]))
    path = tmp_path / "model" / "model.json"
    for architecture in ("recipes/evil.py:Mine", f"{tmp_path}/evil.py:Mine", "recipes/../../evil.py:Mine"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "architecture": architecture}))
        with pytest.raises(ToolkitError, match=r"is not as it was|names no network of yours"):
            load_model(tmp_path / "model")
    assert not marker.exists()


@pytest.mark.parametrize(
    ("architecture", "complaint"),
    [
        ("recipes/nothing.py:Mine", "names no network of yours"),
        ("recipes/../my_network.py:Mine", "names no network of yours"),
        ("/etc/my_network.py:Mine", "names no network of yours"),
        ("recipes/sub/my_network.py:Mine", "names no network of yours"),
        ("recipes/my_network.py:Nothing", "has no network 'Nothing'"),
        ("recipes/my_network.py:function", "has no network 'function'"),
        ("recipes/my_network.py:Narrow", "does not take 'classes'"),
        ("recipes/my_network.py:Deaf", "does not turn 28x28 pixels into 10 logits"),
        ("recipes/broken.py:Mine", "cannot be run: ModuleNotFoundError"),
    ],
)
def test_what_cannot_be_trained_gets_one_line(recipes, architecture, complaint):
    with pytest.raises(ToolkitError, match=complaint) as error:
        build_model(architecture)
    assert "\n" not in str(error.value)


def test_a_link_that_leads_outside_is_refused(recipes, tmp_path):
    (tmp_path / "elsewhere.py").write_text(SOURCE)
    (recipes / "linked.py").symlink_to(tmp_path / "elsewhere.py")
    with pytest.raises(ToolkitError, match="names no network of yours"):
        build_model("recipes/linked.py:Mine")
