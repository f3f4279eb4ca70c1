import json
import shutil

import pytest
from openpyxl import load_workbook

from recipes import compare_layers, evaluate_models, finetune_last_layer, finetune_two_layers
from tests.conftest import make_brief
from tests.recipes.test_finetune import finetune
from toolkit.data.image_sets import save_sets
from toolkit.errors import ToolkitError
from toolkit.evaluation.sealed_test import openings
from toolkit.experiments import comparing
from toolkit.paths import runs_folder
from toolkit.runs import latest_run

FAST = {"model": "mnist_mlp", "epochs": 1, "lr": 1e-3}


@pytest.fixture(scope="module")
def fine_tuned(tmp_path_factory, examples):
    """The runs of fine-tuning on the example digits, of the last layer and of two."""
    folder = tmp_path_factory.mktemp("fine_tuned")
    save_sets(folder / "digits", examples)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOOLKIT_RUNS", str(folder / "runs"))
        make_brief(patch)
        for recipe in (finetune_last_layer, finetune_two_layers):
            recipe.run(**FAST, digits=folder / "digits")
    return folder / "runs"


@pytest.fixture
def both(fine_tuned):
    """These runs, as if the test had made them."""
    return shutil.copytree(fine_tuned, runs_folder())


@pytest.mark.usefixtures("both")
def test_four_accuracies_are_measured_and_written(digits, idx_files, tmp_path, capsys):
    out = tmp_path / "results.xlsx"
    scores = evaluate_models.run(model="mnist_mlp", out=out, mnist=idx_files, digits=digits)
    assert list(scores) == ["pretrained_mnist", "pretrained_own", "last_layer_own", "n_layers_own"]
    assert {score.n for score in scores.values()} == {20}
    sheet = load_workbook(out)["Results"]
    assert [sheet.cell(row, 5).value for row in range(2, 6)] == [score.accuracy for score in scores.values()]
    assert [entry["recipe"] for entry in openings()] == ["evaluate_models"]
    assert "Openings of Test Set so far: 1" in capsys.readouterr().out


@pytest.mark.usefixtures("brief", "both")
def test_named_runs_are_taken_and_runs_of_another_model_refused(digits, idx_files, tmp_path):
    last = latest_run("finetune_last_layer")
    _, other = finetune("finetune_all_layers", **{**FAST, "model": "mnist_cnn"}, digits=digits)
    options = {"model": "mnist_mlp", "out": tmp_path / "a.xlsx", "mnist": idx_files, "digits": digits}
    with pytest.raises(ToolkitError, match="was not fine-tuned from 'mnist_mlp'"):
        evaluate_models.run(last_layer=last, more_layers=other, **options)
    with pytest.raises(ToolkitError, match="is a run of finetune_last_layer"):
        evaluate_models.run(last_layer=last, more_layers=last, **options)
    (tmp_path / "theirs.xlsx").write_text("no workbook")
    _, all_layers = finetune("finetune_all_layers", **FAST, digits=digits)
    with pytest.raises(ToolkitError, match=r"no \.xlsx workbook"):
        evaluate_models.run(last_layer=last, more_layers=all_layers, template=tmp_path / "theirs.xlsx", **options)
    assert openings() == []
    evaluate_models.run(last_layer=last, more_layers=all_layers, **options)
    assert load_workbook(tmp_path / "a.xlsx")["Runs"]["C5"].value == "finetune_all_layers"


@pytest.mark.usefixtures("brief")
def test_a_comparison_on_other_digits_is_refused_before_test_set_is_opened(
    digits, idx_files, small_model, tmp_path, monkeypatch
):
    monkeypatch.setattr(comparing, "VARIANTS", {comparing.NONE: None})
    options = {"model": str(small_model), "digits": digits}
    compare_layers.run(**options, seeds=2, processes=1)
    first, second, *_ = sorted((digits / "Training Set").rglob("*.jpg"))
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)
    finetune_last_layer.run(**options, epochs=1, lr=1e-3)
    finetune_two_layers.run(**options, epochs=1, lr=1e-3)
    comparison = latest_run("compare_layers")
    with pytest.raises(ToolkitError, match="compared with other digits"):
        evaluate_models.run(**options, comparison=comparison, out=tmp_path / "a.xlsx", mnist=idx_files)
    assert openings() == []


@pytest.mark.usefixtures("both")
def test_runs_fine_tuned_on_other_digits_are_refused_before_test_set_is_opened(digits, idx_files, tmp_path):
    trained, tested = digits / "Training Set/0/0_01.jpg", digits / "Test Set/0/0_01.jpg"
    one, other = trained.read_bytes(), tested.read_bytes()  # what was trained on is tested: the sheet was cut again
    trained.write_bytes(other)
    tested.write_bytes(one)
    options = {"model": "mnist_mlp", "out": tmp_path / "a.xlsx", "mnist": idx_files, "digits": digits}
    with pytest.raises(ToolkitError, match="was fine-tuned with other digits"):
        evaluate_models.run(**options)
    finetuned = {"last_layer": latest_run("finetune_last_layer"), "more_layers": latest_run("finetune_two_layers")}
    with pytest.raises(ToolkitError, match="was fine-tuned with other digits"):
        evaluate_models.run(**{name: folder / "model" for name, folder in finetuned.items()}, **options)
    assert openings() == []
    assert not (tmp_path / "a.xlsx").exists()


def test_without_runs_one_line_says_which_command_makes_one(digits):
    with pytest.raises(ToolkitError, match="recipe finetune_last_layer --model mnist_resnet"):
        evaluate_models.run(digits=digits)
    assert json.dumps(openings()) == "[]"


@pytest.mark.usefixtures("brief")
def test_of_other_classes_what_can_be_measured_is_and_what_cannot_is_said(letters, idx_files, tmp_path, capsys):
    finetune_last_layer.run(**FAST, digits=letters)
    finetune_two_layers.run(**FAST, digits=letters)
    out = tmp_path / "results.xlsx"
    scores = evaluate_models.run(model="mnist_mlp", out=out, mnist=idx_files, digits=letters)
    assert list(scores) == ["pretrained_mnist", "last_layer_own", "n_layers_own"]
    assert scores["n_layers_own"].classes == tuple("ABCDEFGHIJ")
    notes = [cell.value for (cell,) in load_workbook(out)["Results"].iter_rows(min_row=6, max_col=1) if cell.value]
    assert notes[1] == "Left out: the pre-trained model on own images: it does not know 10 of their classes."
    assert notes[1] in capsys.readouterr().out


@pytest.mark.usefixtures("both")
def test_runs_for_other_classes_are_refused(digits, idx_files, tmp_path):
    for folder in digits.glob("*/9"):
        folder.rename(folder.with_name("nine"))
    with pytest.raises(ToolkitError, match="was fine-tuned for other classes"):
        evaluate_models.run(model="mnist_mlp", out=tmp_path / "a.xlsx", mnist=idx_files, digits=digits)
    assert openings() == []
