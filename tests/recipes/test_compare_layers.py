import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from recipes import compare_layers
from toolkit.errors import ToolkitError
from toolkit.evaluation.sealed_test import openings
from toolkit.experiments import comparing
from toolkit.paths import runs_folder


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """One epoch each."""
    for name, how in comparing.VARIANTS.items():
        if how:
            monkeypatch.setitem(comparing.VARIANTS, name, replace(how, epochs=1, head_epochs=min(1, how.head_epochs)))


def test_every_way_is_measured_and_told_and_trained_again_only_when_asked(digits, small_model, monkeypatch, capsys):
    options = {"model": str(small_model), "seeds": 2, "processes": 1, "digits": digits}
    summaries = compare_layers.run(**options)
    (folder,) = (path.parent for path in (runs_folder() / "compare_layers").glob("*/comparison.json"))
    record = json.loads((folder / "comparison.json").read_text())
    assert list(record["ways"]) == list(summaries) == list(comparing.VARIANTS)
    assert len(record["pairs"]) == 10
    assert len(record["trainings"]) == 10
    assert (folder / "comparison.png").exists()
    said = capsys.readouterr().out
    assert all(pair["said"] in said for pair in record["pairs"])
    assert openings() == []

    trained = []
    measure = comparing.train_and_measure
    monkeypatch.setattr(comparing, "train_and_measure", lambda *given: trained.append(given) or measure(*given))
    assert compare_layers.run(**options) == summaries
    assert trained == []
    assert compare_layers.run(**options, fresh=True) == summaries
    assert len(trained) == 10


def test_one_seed_is_refused(digits):
    with pytest.raises(ToolkitError, match="2 or more"):
        compare_layers.run(seeds=1, digits=digits)


def test_without_fine_tuning_is_left_out_where_classes_are_new(letters, small_model, capsys):
    summaries = compare_layers.run(model=str(small_model), seeds=2, processes=1, digits=letters)
    assert list(summaries) == [name for name in comparing.VARIANTS if name != comparing.NONE]
    assert "Without 'no fine-tuning'" in capsys.readouterr().out
    (record,) = (runs_folder() / "compare_layers").glob("*/comparison.json")
    network, job = comparing.load_trained(Path(json.loads(record.read_text())["trainings"][0]))
    assert job["classes"] == list("ABCDEFGHIJ")
    assert network.get_classifier().weight.any()


def test_batches_are_no_larger_than_the_training_set(digits, small_model, capsys):
    for folder in digits.glob("*/[5-9]"):
        shutil.rmtree(folder)
    for path in digits.glob("Training Set/*/*_0[3-8].jpg"):
        path.unlink()
    summaries = compare_layers.run(model=str(small_model), seeds=2, processes=1, digits=digits)
    assert summaries["all layers"]["moved"]["output"] > 0
    assert "Batches of 10" in capsys.readouterr().out


def test_a_model_that_knows_more_classes_is_compared_without_fine_tuning_too(digits, small_model):
    for folder in digits.glob("*/[5-9]"):
        shutil.rmtree(folder)
    assert comparing.NONE in compare_layers.run(model=str(small_model), seeds=2, processes=1, digits=digits)


def test_a_model_named_from_one_folder_is_found_from_another(digits, small_model, monkeypatch, tmp_path):
    monkeypatch.chdir(small_model.parent)
    compare_layers.run(model=small_model.name, seeds=2, processes=1, digits=digits)
    (record,) = (runs_folder() / "compare_layers").glob("*/comparison.json")
    monkeypatch.chdir(digits)
    for place in json.loads(record.read_text())["trainings"]:
        comparing.load_trained(Path(place))
