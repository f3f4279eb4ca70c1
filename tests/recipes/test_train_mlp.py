import json

import pytest

from recipes import train_mlp
from toolkit.errors import ToolkitError
from toolkit.models.bundle import load_model
from toolkit.paths import runs_folder


def test_a_network_is_trained_and_judged_by_validation_alone(idx_files, capsys):
    scores = train_mlp.run(hidden="24,12,6", epochs=2, batch_size=20, layer_norm=True, mnist=idx_files)
    (folder,) = (runs_folder() / "train_mlp").iterdir()
    assert scores.n == 20
    card = load_model(folder)[1]
    assert card.arguments == {"hidden": [24, 12, 6], "dropout": 0.0, "layer_norm": True}
    assert list(card.scores) == ["validation"]
    assert {"curves.png", "confusion.png", "misread.png", "history.csv"} <= {path.name for path in folder.iterdir()}
    assert "training        60" in capsys.readouterr().out


def test_a_rate_that_diverges_ends_the_run_with_a_remedy(idx_files):
    with pytest.raises(ToolkitError, match=r"finite|The loss became .* smaller learning rate"):
        train_mlp.run(hidden="24,12", epochs=20, batch_size=20, lr=1e9, mnist=idx_files)
    (folder,) = (runs_folder() / "train_mlp").iterdir()
    assert json.loads((folder / "run.json").read_text())["status"].startswith("failed")
