from pathlib import Path

import pytest

from toolkit.errors import ToolkitError
from toolkit.paths import RECIPES
from toolkit.recipes import Option, copy_recipe, list_recipes, numbers, read_recipe, recipe_names

SOURCE = '''"""Do something.

    python -m toolkit recipe something --lr 0.1
"""

import a_module_that_does_not_exist


def run(
    lr: float | None = None,  # learning rate
    epochs: int = 20,
    digits: Path = None,  # where
) -> None:
    """Nothing."""
'''


def write(folder: Path, source: str) -> Path:
    path = folder / "something.py"
    path.write_text(source)
    return path


def test_options_types_defaults_and_help_come_from_the_file_unrun(tmp_path):
    recipe = read_recipe(write(tmp_path, SOURCE))
    assert recipe.summary == "Do something."
    assert recipe.options == (
        Option("lr", float | None, None, "learning rate"),
        Option("epochs", int, 20, ""),
        Option("digits", Path, None, "where"),
    )


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("def run", "def main", "needs a docstring and a function run"),
        ('"""Do something.', '_ = """', "needs a docstring and a function run"),
        ("float | None = None", "float | None", "every parameter of run needs a default"),
        ("int = 20", "complex = 20", "line 11: 'epochs' is annotated 'complex'"),
        ("int = 20", "int = len('')", "line 11: the default of 'epochs' is not a plain value"),
        ("def run(", "def run((", "is not a recipe"),
    ],
)
def test_a_file_that_is_no_recipe_says_what_it_lacks(tmp_path, old, new, complaint):
    with pytest.raises(ToolkitError, match=complaint.replace("(", r"\(")):
        read_recipe(write(tmp_path, SOURCE.replace(old, new)))


def test_files_with_an_underscore_are_not_recipes(tmp_path):
    (tmp_path / "_shared.py").write_text("nothing")
    write(tmp_path, SOURCE)
    assert [recipe.name for recipe in list_recipes(tmp_path)] == ["something"]


@pytest.mark.parametrize("recipe", list_recipes(), ids=lambda recipe: recipe.name)
def test_every_recipe_fits_a_page_and_helps(recipe):
    assert f"python -m toolkit recipe {recipe.name}" in recipe.docstring
    assert "Needs " in recipe.docstring
    assert "Expect " in recipe.docstring
    assert all(option.help for option in recipe.options)
    assert len((RECIPES / f"{recipe.name}.py").read_text().splitlines()) <= 110


def test_a_file_with_a_network_and_no_run_is_no_recipe(tmp_path):
    (tmp_path / "my_network.py").write_text("from torch import nn\n\n\nclass Mine(nn.Module):\n    pass\n")
    write(tmp_path, SOURCE)
    assert [recipe.name for recipe in list_recipes(tmp_path)] == ["something"]


def test_a_recipe_is_copied_to_start_from(tmp_path):
    write(tmp_path, SOURCE)
    path = copy_recipe("mine", "something", tmp_path)
    assert read_recipe(path).options == read_recipe(tmp_path / "something.py").options
    assert "python -m toolkit recipe mine --lr 0.1" in path.read_text()
    with pytest.raises(ToolkitError, match="exists already"):
        copy_recipe("mine", "something", tmp_path)


@pytest.mark.parametrize(
    ("name", "like", "complaint"),
    [
        ("../mine", "something", "cannot name a recipe"),
        ("class", "something", "cannot name a recipe"),
        ("_mine", "something", "cannot name a recipe"),
        ("mine", "somethin", "Did you mean 'something'"),
    ],
)
def test_what_cannot_be_copied_is_told_and_nothing_written(tmp_path, name, like, complaint):
    write(tmp_path, SOURCE)
    with pytest.raises(ToolkitError, match=complaint):
        copy_recipe(name, like, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(("words", "missing"), [(["--new", "mine"], "--like"), (["--like", "report"], "--new")])
def test_new_and_like_go_together(run, words, missing):
    status, _, error = run("recipe", *words)
    assert status == 2
    assert f"Missing option '{missing}'" in error


def test_new_and_like_may_stand_in_any_order(run):
    error = run("recipe", "--like", "no_such", "--new", "mine")[2]
    assert "There is no recipe 'no_such'" in error


def test_a_broken_recipe_leaves_the_others_alone(run, tmp_path, monkeypatch):
    write(tmp_path, SOURCE)
    (tmp_path / "broken.py").write_text("def run(:")
    monkeypatch.setattr("toolkit.cli.RECIPES", tmp_path)
    monkeypatch.setattr("toolkit.cli.recipe_names", lambda: recipe_names(tmp_path))
    assert "--lr" in run("recipe", "something", "--help")[1]
    assert "broken.py is not a recipe" in run("recipe", "broken")[2]


def test_numbers_are_read_in_their_order():
    assert numbers("learning_rates", "0.1, 1e-3", float) == [0.1, 1e-3]
    assert numbers("batch_sizes", "64,16", int) == [64, 16]


@pytest.mark.parametrize(("text", "kind"), [("", int), ("1,x", int), ("1.5", int), ("0", float), ("nan", float)])
def test_what_is_no_positive_number_is_refused(text, kind):
    with pytest.raises(ToolkitError, match=r"--batch-sizes .* is no .*number above 0"):
        numbers("batch_sizes", text, kind)
