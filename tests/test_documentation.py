"""What the documentation says exists, and the figures it quotes are those the models carry."""

import ast
import importlib.util
import json
import re
import shlex

import pytest

from toolkit.models import build_model, own
from toolkit.models.bundle import load_model, published_models
from toolkit.models.last_layer import replace_last_layer
from toolkit.models.layer_groups import layer_groups
from toolkit.paths import ROOT
from toolkit.recipes import list_recipes, read_recipe
from toolkit.runs import latest_run
from toolkit.training.onnx_export import make_onnx

WRITTEN = ("my_recipe", "noisy_digits")  # recipes that a page lets its reader write
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "recipes").glob("*.py")),
]
COMMANDS = [
    (page.name, line.partition("#")[0].strip())
    for page in PAGES
    for line in re.findall(r"python -m toolkit ([^`\n]*)", page.read_text())
]


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=lambda value: value)
def test_every_command_exists(page, command):
    words = command.split()
    recipes = {recipe.name: recipe for recipe in list_recipes()}
    assert words[0] in ("recipe", "data", "sheet", "predict", "explain", "label", "export", "doctor", "page", "check")
    if words[0] == "recipe" and len(words) > 1 and words[1] not in ("NAME", "--new", *WRITTEN):
        options = {f"--{option.name.replace('_', '-')}" for option in recipes[words[1]].options} | {"--help"}
        assert {word for word in words if word.startswith("--")} <= options


@pytest.mark.parametrize("name", published_models())
def test_quoted_accuracies_are_the_models_own(name):
    scores = load_model(name)[1].scores["mnist_test"]
    accuracy = f"{100 * scores['accuracy']:.2f} %"
    for page in (ROOT / "README.md", ROOT / "docs/results.md", ROOT / "docs/record.md"):
        row = next(line for line in page.read_text().splitlines() if line.startswith(f"| {name} "))
        assert accuracy in row


def test_links_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page}: {target}"


def blocks(page: str, kind: str = "") -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", (ROOT / "docs" / page).read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.usefixtures("brief")
def test_the_letters_example_runs_as_written(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    example, template = blocks("other_classes.md")[:2]
    for line in (example + template).splitlines():
        words = shlex.split(line)[3:]
        if words[0] == "recipe":
            words += ["--epochs", "6", "--lr", "0.01"]  # less than the page's, which takes as long as the suite may
        if words[0] == "predict":
            words[-1] = str(latest_run("finetune_two_layers"))
        status, said, error = run(*words)
        assert status == 0, error
        if words[0] == "predict":
            assert "A" in said.split(":")[-1]
    scores = json.loads((latest_run("finetune_two_layers") / "scores.json").read_text())
    assert "before" not in scores
    assert scores["validation"]["accuracy"] > 0.8
    assert (tmp_path / "page.pdf").stat().st_size > 2000


def test_the_onnx_example_runs_as_written(tmp_path, monkeypatch, capsys, small_model):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.onnx").write_bytes(make_onnx(*load_model(small_model))[0])
    [code] = blocks("exports.md", "python")
    exec(code, {})
    answers = ast.literal_eval(capsys.readouterr().out)
    assert len(answers) == 5
    assert set(answers) <= set("0123456789")


def test_the_recipe_and_the_network_of_the_page_work(digits, tmp_path, monkeypatch, capsys):
    recipe, network = blocks("your_own_recipe.md", "python")
    (tmp_path / "noisy_digits.py").write_text(recipe)
    found = read_recipe(tmp_path / "noisy_digits.py")
    assert [option.name for option in found.options] == ["model", "levels", "seed", "digits"]
    spec = importlib.util.spec_from_file_location("noisy_digits", tmp_path / "noisy_digits.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    clean, noisy = module.run(model="mnist_mlp", levels="0,200", digits=digits)
    assert clean.accuracy > noisy.accuracy
    assert "noise 200: " in capsys.readouterr().out
    (tmp_path / "my_network.py").write_text(network)
    monkeypatch.setattr(own, "RECIPES", tmp_path)
    built = build_model("recipes/my_network.py:MyNetwork")
    assert [group.name for group in layer_groups(built)] == ["first", "second", "output"]
    replace_last_layer(built, list("0123456789"), ["a", "b"])
    assert [recipe.name for recipe in list_recipes(tmp_path)] == ["noisy_digits"]
