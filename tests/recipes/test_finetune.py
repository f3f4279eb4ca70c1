import json
from importlib import import_module

import pytest
import torch

from toolkit.errors import ToolkitError
from toolkit.evaluation.scores import predict_logits
from toolkit.evaluation.sealed_test import openings
from toolkit.models.bundle import load_model
from toolkit.paths import runs_folder

LAYERS = {"finetune_last_layer": 1, "finetune_two_layers": 2, "finetune_all_layers": None}
PUBLISHED = ("mnist_mlp", "mnist_cnn", "mnist_resnet")


def finetune(recipe, **options):
    """Run a recipe; returns its scores and its run's folder."""
    scores = import_module(f"recipes.{recipe}").run(**options)
    return scores, max((runs_folder() / recipe).iterdir(), key=lambda folder: folder.stat().st_mtime)


@pytest.mark.parametrize("recipe", LAYERS)
@pytest.mark.parametrize("model", PUBLISHED)
@pytest.mark.usefixtures("brief")
def test_exactly_the_intended_tensors_change(recipe, model, digits):
    _, folder = finetune(recipe, model=model, epochs=1, lr=1e-2, digits=digits)
    before, after = load_model(model)[0].state_dict(), load_model(folder)[0].state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    layers = {
        "mnist_mlp": ["hidden.0.", "hidden.1.", "output."],
        "mnist_cnn": ["blocks.0.", "blocks.1.", "blocks.2.", "hidden.", "output."],
        "mnist_resnet": ["network.conv1.", "network.bn1.", *(f"network.layer{i}." for i in range(1, 5)), "network.fc."],
    }[model]
    count = LAYERS[recipe]
    learning = tuple(layers if count is None else layers[-count:])
    assert changed == {name for name in before if name.startswith(learning)}


def test_a_run_leaves_everything_one_needs(digits):
    scores, folder = finetune("finetune_two_layers", model="mnist_mlp", epochs=3, digits=digits)
    assert {path.name for path in folder.iterdir()} == {
        "run.json",
        "history.csv",
        "scores.json",
        "lr_find.json",
        "lr_find.png",
        "curves.png",
        "confusion.png",
        "misread.png",
        "reliability.png",
        "model",
        "learner.pkl",
    }
    record = json.loads((folder / "run.json").read_text())
    found = json.loads((folder / "lr_find.json").read_text())
    assert record["status"] == "finished"
    assert record["options"]["lr"] == found["suggestions"]["valley"]
    assert record["lr_reason"] == "the finder's 'valley'"
    assert record["learning"] == ["hidden.1", "output"]
    assert record["frozen"] == ["hidden.0"]
    network, card = load_model(folder)
    assert card.scores["validation"]["correct"] == scores.correct
    assert card.started_from == load_model("mnist_mlp")[1].weights_sha256
    assert openings() == []
    again, _ = load_model(folder / "model")
    pixels = torch.zeros(1, 1, 28, 28, dtype=torch.uint8).numpy()
    assert torch.equal(predict_logits(network, pixels), predict_logits(again, pixels))


@pytest.mark.parametrize(("model", "lr"), [("mnist_mlp", None), ("mnist_cnn", 1e-3), ("mnist_resnet", 1e-3)])
@pytest.mark.usefixtures("brief")
def test_the_same_seed_gives_the_same_weights(model, lr, digits):
    folders = [
        finetune("finetune_two_layers", model=model, lr=lr, epochs=1, digits=digits, seed=seed)[1] for seed in (5, 5, 6)
    ]
    shas = [load_model(folder)[1].weights_sha256 for folder in folders]
    assert shas[0] == shas[1] != shas[2]


@pytest.mark.usefixtures("brief")
def test_options_reach_the_training(digits):
    _, folder = finetune(
        "finetune_last_layer", model="mnist_mlp", epochs=30, lr=0.5, dropout=0.4, augment=0.0, patience=2, digits=digits
    )
    rows = (folder / "history.csv").read_text().splitlines()
    assert len(rows) < 31
    assert load_model(folder)[1].arguments["dropout"] == 0.4
    assert json.loads((folder / "run.json").read_text())["lr_reason"] == "as asked (--lr)"


def test_a_failed_run_says_so_and_leaves_no_model(digits):
    with pytest.raises(ToolkitError, match="Batch size"):
        finetune("finetune_last_layer", model="mnist_mlp", batch_size=500, digits=digits)
    (folder,) = (runs_folder() / "finetune_last_layer").iterdir()
    assert json.loads((folder / "run.json").read_text())["status"].startswith("failed: Batch size 500")
    assert not (folder / "model").exists()


@pytest.mark.parametrize("lr", [0.0, -1.0, float("nan")])
@pytest.mark.usefixtures("brief")
def test_a_rate_that_cannot_train_is_refused(lr, digits):
    with pytest.raises(ToolkitError, match="learning rate"):
        finetune("finetune_last_layer", model="mnist_mlp", lr=lr, digits=digits)
