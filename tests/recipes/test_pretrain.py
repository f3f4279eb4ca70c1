import pytest

from recipes import finetune_last_layer, pretrain
from tests.data.test_mnist_like import NAMES, write
from toolkit.errors import ToolkitError
from toolkit.models.bundle import load_model
from toolkit.runs import latest_run

FAST = {"model": "mlp", "epochs": 2, "held_out": 20, "batch_size": 10}


@pytest.mark.usefixtures("brief")
def test_a_set_in_mnists_format_is_learned_with_its_names_and_started_from(tmp_path, examples, digits):
    scores = pretrain.run(data=write(tmp_path / "mine", examples), names=NAMES, **FAST)
    assert scores.n == 20
    network, card = load_model(latest_run("pretrain"))
    assert card.name == "mine_mlp"
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
