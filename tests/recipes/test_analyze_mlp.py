import json

import pytest
import torch

from recipes import analyze_cnn, analyze_mlp
from toolkit.errors import ToolkitError
from toolkit.evaluation.sealed_test import MNIST_LOG, openings
from toolkit.experiments import analysis
from toolkit.experiments.analysis import read_analysis
from toolkit.models.bundle import load_model
from toolkit.paths import runs_folder

SMALL = {
    "learning_rates": "0.05,1e20",
    "batch_sizes": "10",
    "neurons_per_layer": "8",
    "hidden_layers": "2",
    "learning_rate": 0.02,
    "batch_size": 20,
    "neurons": 12,
    "layers": 1,
    "epochs": 3,
    "seeds": 2,
    "processes": 1,
}


def test_factors_are_analysed_and_the_best_setting_is_tested_once(idx_files, capsys):
    scores = analyze_mlp.run(**SMALL, mnist=idx_files)
    (folder,) = (runs_folder() / "analyze_mlp").glob("2*")
    read = read_analysis(folder)
    assert [factor.name for factor in read.factors] == [
        "learning_rate",
        "batch_size",
        "neurons_per_layer",
        "hidden_layers",
    ]
    assert [level.value for level in read.factors[0].levels] == [0.02, 0.05, 1e20]
    assert read.factors[0].levels[2].diverged == 2
    assert scores.n == 20
    assert len(openings(MNIST_LOG)) == 1
    assert load_model(folder)[1].scores["test"]["correct"] == scores.correct
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "finished"
    assert record["chosen_seed"] == 2  # one that had no part in choosing
    figures = {"overview.png", "learning_rate.png", "batch_size.png", "confused.png", "confusion.png", "curves.png"}
    assert figures <= {path.name for path in folder.iterdir()}
    assert "trainings diverged" in (folder / "analysis.md").read_text()
    assert "Test:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"seeds": 1}, "shows no spread"),
        ({"batch_sizes": "16,x"}, "'x' is no whole number"),
        ({"processes": 0}, "1 or more"),
    ],
)
def test_what_makes_no_analysis_is_refused(idx_files, options, complaint):
    with pytest.raises(ToolkitError, match=complaint):
        analyze_mlp.run(**{**SMALL, **options}, mnist=idx_files)


def test_what_a_gpu_does_in_turn_takes_no_processes(idx_files, monkeypatch):
    monkeypatch.setattr(analysis, "choose_device", lambda _: torch.device("cuda:1"))
    with pytest.raises(ToolkitError, match="Leave --processes out"):
        analyze_mlp.run(**{**SMALL, "processes": 4}, mnist=idx_files)


@pytest.mark.parametrize(
    ("device", "cluster", "asked", "used"),
    [("cuda", None, None, 1), ("cuda", None, 1, 1), ("cuda", "auto", None, None), ("cpu", "auto", None, None)],
)
def test_the_record_says_how_many_processes_there_really_were(device, cluster, asked, used, idx_files, monkeypatch):
    def train_all(*given):
        assert given[5] == used
        raise ToolkitError("enough")

    monkeypatch.setattr(analysis, "choose_device", torch.device)
    monkeypatch.setattr(analysis, "train_all", train_all)
    with pytest.raises(ToolkitError, match="enough"):
        analyze_mlp.run(**{**SMALL, "processes": asked}, device=device, cluster=cluster, mnist=idx_files)
    (record,) = (runs_folder() / "analyze_mlp").glob("*/run.json")
    assert json.loads(record.read_text())["options"]["processes"] == used


def test_the_variants_of_a_cnn_follow_the_same_protocol(idx_files):
    scores = analyze_cnn.run(
        channels="4", convolutions=1, epochs=1, seeds=2, batch_size=30, processes=1, mnist=idx_files
    )
    (folder,) = (runs_folder() / "analyze_cnn").glob("2*")
    (factor,) = read_analysis(folder).factors
    assert [level.value for level in factor.levels] == ["plain", "dropout", "layer norm", "both"]
    assert scores.n == 20


def test_a_folder_without_an_analysis_is_refused(tmp_path):
    with pytest.raises(ToolkitError, match=r"it has no analysis\.json"):
        read_analysis(tmp_path)
