import json

import pytest

from recipes import finetune_last_layer, pretrain
from tests.data.test_mnist_like import NAMES, write
from toolkit.errors import ToolkitError
from toolkit.models import build_model, own
from toolkit.models.bundle import load_model, save_model
from toolkit.runs import latest_run

FAST = {"model": "mlp", "epochs": 2, "held_out": 20, "batch_size": 10}


@pytest.mark.usefixtures("brief")
def test_a_set_in_mnists_format_is_learned_with_its_names_and_started_from(tmp_path, examples, digits):
    scores = pretrain.run(data=write(tmp_path / "mine", examples), names=NAMES, **FAST)
    assert scores.n == 20
    network, card = load_model(latest_run("pretrain"))
    assert (card.name, card.options["data"]) == ("mine_mlp", "mine")
    assert card.classes == sorted(NAMES.split(","))
    assert card.arguments["dropout"] == 0.2
    assert network.get_classifier().out_features == 10
    finetune_last_layer.run(model=str(latest_run("pretrain")), digits=digits, epochs=1, lr=1e-2)
    assert load_model(latest_run("finetune_last_layer"))[1].classes == list("0123456789")


def test_without_data_one_line_says_what_to_name():
    with pytest.raises(ToolkitError, match="--data FOLDER"):
        pretrain.run()


@pytest.mark.usefixtures("brief")
def test_a_network_from_timm_is_trained(tmp_path, examples):
    pretrain.run(data=write(tmp_path / "mine", examples), **{**FAST, "model": "timm:test_resnet", "epochs": 1})
    assert load_model(latest_run("pretrain"))[1].name == "mine_test_resnet"


NET = """from torch import nn

class Net(nn.Module):
    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(784, 16), nn.ReLU(), nn.Linear(16, classes))

    def forward(self, images):
        return self.layers(images / 255)
"""


def other_activation(file, teacher):
    file.write_text(NET.replace("ReLU", "Tanh"))


def other_width(file, teacher):
    file.write_text(NET.replace("16", "17"))


def other_teacher(file, teacher):
    save_model(teacher, build_model("mlp", hidden=(32, 16)), load_model(teacher)[1])


@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize("change", [other_activation, other_width, other_teacher])
def test_it_goes_on_only_with_the_same_network_and_teacher(
    change, tmp_path, examples, small_model, cut_at_state, monkeypatch, capsys
):
    monkeypatch.setattr(own, "RECIPES", tmp_path)
    file = tmp_path / "net.py"
    file.write_text(NET)
    data = write(tmp_path / "mine", examples)

    def train(**options):
        pretrain.run(data=data, **{**FAST, "model": "recipes/net.py:Net", "teacher": str(small_model), **options})
        return load_model(latest_run("pretrain"))[1]

    cut_at_state(1, train)
    change(file, small_model)
    card = train()
    assert "is of other data or settings" in capsys.readouterr().err
    assert "resumed" not in json.loads((latest_run("pretrain") / "run.json").read_text())
    assert card.taught_by == load_model(small_model)[1].weights_sha256
    assert card.weights_sha256 == train(fresh=True).weights_sha256
