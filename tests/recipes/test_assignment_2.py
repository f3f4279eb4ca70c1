import pytest

from recipes import assignment_2
from toolkit.errors import ToolkitError
from toolkit.runs import start_run


@pytest.fixture
def done(monkeypatch):
    """What the recipes are asked to do; the analyses only leave a finished run."""
    asked = []

    def analysis(recipe):
        usual = {key: p.default for key, p in assignment_2.signature(recipe.run).parameters.items()}

        def run(**options):
            asked.append(recipe.__name__)
            with start_run(f"{recipe.__name__.removeprefix('recipes.')}.py", {**usual, **options}) as run:
                run.facts.update(data_sha256=assignment_2.load_parts(options["mnist"]).digest)

        run.__signature__ = assignment_2.signature(recipe.run)
        return run

    for recipe in (assignment_2.analyze_mlp, assignment_2.analyze_cnn):
        monkeypatch.setattr(recipe, "run", analysis(recipe))
    monkeypatch.setattr(assignment_2.telling, "run", lambda **options: asked.append(options) or options["out"])
    return asked


def test_both_analyses_are_told_in_one_notebook(done, idx_files, tmp_path):
    assert assignment_2.run(ids="1, 2", mnist=idx_files, out=tmp_path / "1_2.zip") == tmp_path / "1_2.zip"
    *analyses, told = done
    assert analyses == ["recipes.analyze_mlp", "recipes.analyze_cnn"]
    assert (told["mlp"].parent.name, told["cnn"].parent.name) == ("analyze_mlp", "analyze_cnn")
    assert (told["mnist"], told["csv"]) == (idx_files, None)


def test_a_second_call_repeats_no_finished_analysis(done, idx_files, tmp_path):
    for _ in range(2):
        assignment_2.run(ids="1", mnist=idx_files, out=tmp_path / "1.zip")
    assert [name for name in done if isinstance(name, str)] == ["recipes.analyze_mlp", "recipes.analyze_cnn"]


def test_without_ids_nothing_begins(done):
    with pytest.raises(ToolkitError, match="--ids"):
        assignment_2.run()
    assert done == []
