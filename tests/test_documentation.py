"""What the documentation says exists, and the figures it quotes are those the models carry."""

import re

import pytest

from toolkit.models.bundle import load_model, published_models
from toolkit.paths import ROOT
from toolkit.recipes import list_recipes

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "recipes").glob("*.py"))]
COMMANDS = [
    (page.name, line.partition("#")[0].strip())
    for page in PAGES
    for line in re.findall(r"python -m toolkit ([^`\n]*)", page.read_text())
]


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=lambda value: value)
def test_every_command_exists(page, command):
    words = command.split()
    recipes = {recipe.name: recipe for recipe in list_recipes()}
    assert words[0] in ("recipe", "data", "sheet", "predict", "label", "export", "doctor")
    if words[0] == "recipe" and len(words) > 1 and words[1] != "NAME":
        options = {f"--{option.name.replace('_', '-')}" for option in recipes[words[1]].options} | {"--help"}
        assert {word for word in words if word.startswith("--")} <= options


@pytest.mark.parametrize("name", published_models())
def test_quoted_accuracies_are_the_models_own(name):
    scores = load_model(name)[1].scores["mnist_test"]
    accuracy = f"{100 * scores['accuracy']:.2f} %"
    for page in (ROOT / "README.md", ROOT / "docs/results.md"):
        row = next(line for line in page.read_text().splitlines() if line.startswith(f"| {name} "))
        assert accuracy in row


def test_links_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page}: {target}"
