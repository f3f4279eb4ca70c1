import csv
import json
import shutil
from dataclasses import replace

import pytest

from recipes import tune_finetuning
from tests.models.test_own import MINE, SOURCE
from toolkit.classes import DIGITS
from toolkit.errors import ToolkitError
from toolkit.evaluation.sealed_test import openings
from toolkit.experiments import tuning
from toolkit.models import build_model, own
from toolkit.models.bundle import ModelCard, save_model
from toolkit.paths import runs_folder


def test_a_search_leaves_its_trials_plots_choice_and_reasons(digits, small_model, monkeypatch, capsys):
    monkeypatch.setattr(tuning, "FACTORS", {"epochs": (2,), "dropout": (0.2,)})
    usual = tuning.usual_settings
    monkeypatch.setattr(tuning, "usual_settings", lambda layers: replace(usual(layers), epochs=1))
    options = {"model": str(small_model), "folds": 2, "repeats": 1, "processes": 1, "digits": digits}
    found = tune_finetuning.run(**options)
    (folder,) = (path.parent for path in (runs_folder() / "tune_finetuning").glob("*/tuning.json"))
    record = json.loads((folder / "tuning.json").read_text())
    assert record["last layer"] == found["last layer"]
    assert record["last layer"]["layers"] == 1
    with (folder / "trials.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == sum(len(record[name]["trials"]) for name in ("last layer", "more layers"))
    assert {"last_layer.png", "more_layers.png", "run.json"} <= {path.name for path in folder.iterdir()}
    said = capsys.readouterr().out
    assert all(reason in said for reason in record["more layers"]["reasons"])
    assert "fine-tune with --epochs {epochs:g} --dropout {dropout:g}\n".format(**found["last layer"]["options"]) in said
    assert openings() == []

    monkeypatch.setattr(tuning, "adapt", None)  # a second search trains nothing again
    assert tune_finetuning.run(**options) == found


@pytest.mark.parametrize(("kept", "size"), [(8, 16), (3, 9)])
def test_batches_that_the_images_do_not_fill_are_not_tried(kept, size, digits, small_model, monkeypatch, capsys):
    for folder in digits.glob("Training Set/*"):
        for path in sorted(folder.iterdir())[kept:]:
            path.unlink()
    for folder in digits.glob("*/[3-9]"):
        shutil.rmtree(folder)
    monkeypatch.setattr(tuning, "FACTORS", {"epochs": (2,), "batch_size": (32,)})
    usual = tuning.usual_settings
    monkeypatch.setattr(tuning, "usual_settings", lambda layers: replace(usual(layers), epochs=1))
    found = tune_finetuning.run(model=str(small_model), folds=3, repeats=1, processes=1, digits=digits)
    assert found["more layers"]["options"]["batch_size"] == size
    assert {trial["batch_size"] for trial in found["last layer"]["trials"]} == {size}
    assert f"batch size: {size}, for lack of images to try another." in capsys.readouterr().out


def test_a_network_without_dropout_is_tuned_in_the_other_factors(digits, tmp_path, monkeypatch):
    (tmp_path / "my_network.py").write_text(SOURCE)
    monkeypatch.setattr(own, "RECIPES", tmp_path)
    card = ModelCard("mine", MINE, {"width": 8}, list(DIGITS), {}, "none", {}, {})
    save_model(tmp_path / "model", build_model(MINE), card)
    monkeypatch.setattr(tuning, "FACTORS", {"epochs": (2,), "dropout": (0.2,)})
    usual = tuning.usual_settings
    monkeypatch.setattr(tuning, "usual_settings", lambda layers: replace(usual(layers), epochs=1))
    found = tune_finetuning.run(model=str(tmp_path / "model"), folds=2, repeats=1, processes=1, digits=digits)
    assert list(found["last layer"]["options"]) == ["epochs"]


@pytest.mark.parametrize("options", [{"folds": 1}, {"folds": 11}, {"repeats": 0}])
def test_a_division_that_cannot_be_is_refused(options, digits):
    with pytest.raises(ToolkitError, match="2 to 10 folds"):
        tune_finetuning.run(digits=digits, **options)
