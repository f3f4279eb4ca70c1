import ast

import pytest

from toolkit.errors import ToolkitError
from toolkit.evaluation.sealed_test import EVALUATION_RECIPES, LOG, open_test_set, openings
from toolkit.paths import RECIPES, ROOT, runs_folder


def test_each_opening_is_logged(digits):
    assert openings() == []
    assert len(open_test_set("evaluate_models", digits)) == 20
    open_test_set("evaluate_models", digits)
    assert [entry["recipe"] for entry in openings()] == ["evaluate_models"] * 2


@pytest.mark.parametrize("path", [p for p in RECIPES.glob("*.py") if p.stem not in EVALUATION_RECIPES], ids=str)
def test_no_other_recipe_can_open_it(path, digits):
    with pytest.raises(ToolkitError, match="may not open Test Set"):
        open_test_set(path.stem, digits)
    assert openings() == []
    assert "open_test_set" not in path.read_text()


def test_nothing_else_reads_it():
    for path in [*ROOT.glob("toolkit/**/*.py"), *RECIPES.glob("*.py")]:
        names = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
        assert "read_test_set" not in names or path.stem == "sealed_test"


def test_an_opening_whose_line_a_crash_cut_short_still_counts(digits):
    open_test_set("evaluate_models", digits)
    with (runs_folder() / LOG).open("a") as stream:
        stream.write('{"time": "2026\n5\n')
    open_test_set("evaluate_models", digits)
    assert [entry["recipe"] for entry in openings()] == ["evaluate_models", "", "", "evaluate_models"]
