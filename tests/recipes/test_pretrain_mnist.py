import json

import pytest

from recipes import pretrain_mnist
from toolkit.models import ARCHITECTURES
from toolkit.models.bundle import load_model
from toolkit.paths import runs_folder


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_model_is_trained_scored_once_and_saved(architecture, idx_files):
    scores = pretrain_mnist.run(model=architecture, epochs=1, held_out=20, batch_size=30, mnist=idx_files)
    (folder,) = (runs_folder() / "pretrain_mnist").iterdir()
    assert scores.n == 20
    _, card = load_model(folder)
    assert card.name == f"mnist_{architecture}"
    assert card.scores["mnist_test"]["correct"] == scores.correct
    assert json.loads((folder / "run.json").read_text())["status"] == "finished"
    assert {"curves.png", "confusion.png", "misread.png", "history.csv"} <= {p.name for p in folder.iterdir()}
