import ast
import json
import zipfile
from dataclasses import asdict

import nbformat
import pytest
from matplotlib.figure import Figure

from recipes import notebook
from tests.evaluation.test_factors import level
from tests.reporting.test_plots import scores
from toolkit.errors import ToolkitError
from toolkit.evaluation.factors import Analysis, Factor
from toolkit.experiments.analysis import read_analysis
from toolkit.reporting.notebook import analysis_cells, code, opening_cells, write_notebook
from toolkit.reporting.plots import save_figure
from toolkit.runs import start_run


@pytest.fixture
def analysis():
    """A finished run of analyze_mlp, as far as the notebook reads it."""
    factor = Factor("batch_size", (level(16, [0.95, 0.96]), level(32, [0.0, 0.0], "The loss became nan.")), 16)
    with start_run("analyze_mlp.py", {"mnist": None, "csv": "train.csv", "split_seed": 7}) as run:
        run.write_json("analysis.json", asdict(Analysis((factor,), None, (600, 200))))
        run.write_json("scores.json", {"test": scores(99, 0).as_record()})
        for name in ("curves", "confusion", "confused"):
            save_figure(Figure(), run.folder / f"{name}.png")
    return run.folder


def test_an_analysis_becomes_an_executed_notebook_and_a_pdf(analysis, tmp_path, monkeypatch):
    def imports_only(parts):
        """There is no train.csv, nor MNIST."""
        assert parts["seed"] == 7
        (cell,) = [cell for cell in opening_cells(parts) if "parts = load_parts(" in cell["source"]]
        return [{**cell, "source": cell["source"].partition("parts = ")[0]}]

    monkeypatch.setattr("recipes.notebook.opening_cells", imports_only)
    archive = notebook.run(ids="111,222", out=tmp_path / "111_222.zip")
    with zipfile.ZipFile(archive) as packed:
        assert packed.namelist() == ["111_222.ipynb", "111_222.pdf"]
        told = nbformat.reads(packed.read("111_222.ipynb").decode(), as_version=4)
        assert packed.read("111_222.pdf").startswith(b"%PDF")
    nbformat.validate(told)
    shown = [output["data"] for cell in told.cells for output in cell.get("outputs", ()) if "data" in output]
    assert len(shown) == 5  # overview, the factor, curves, confusion matrix, confused pairs
    assert all("image/png" in data for data in shown)
    story = "\n".join(cell.source for cell in told.cells if cell.cell_type == "markdown")
    assert "2 of 2 trainings diverged" in story
    assert "**100.00 %** of the test images (990 of 990" in story


def test_a_cell_that_fails_is_told_and_nothing_is_written(tmp_path):
    with pytest.raises(ToolkitError, match="A cell of the notebook failed: ZeroDivisionError"):
        write_notebook(tmp_path / "told.ipynb", [code("1 / 0")])
    assert list(tmp_path.glob("*.ipynb")) == []


def test_the_first_cell_divides_the_data_as_the_analysis_did(tmp_path):
    sources = [cell["source"] for cell in opening_cells({"csv": tmp_path, "seed": 7})]
    assert any(f"load_parts(csv=Path({str(tmp_path)!r}), seed=7)" in source for source in sources)


def test_an_analysis_that_was_damaged_is_refused(analysis):
    (analysis / "analysis.json").write_text(json.dumps({}))
    with pytest.raises(ToolkitError, match="factors: Field required"):
        notebook.run(ids="111")


def test_a_folders_name_is_never_code(analysis):
    name = 'a"; open("ran", "w"); "\\'
    folder = analysis.rename(analysis.with_name(name))
    cells = analysis_cells(read_analysis(folder), folder, "Title")
    (source,) = [cell["source"] for cell in cells if "read_analysis" in cell["source"]]
    first, *_ = ast.parse(source).body
    assert [node.value for node in ast.walk(first) if isinstance(node, ast.Constant)] == [name, "analyze_mlp"]
    assert len(ast.parse(source).body) == 3


@pytest.mark.parametrize("ids", ["", "1,,2", "../x", "1 2", "CON", "1" * 10_000])
def test_ids_that_name_no_file_are_refused(ids):
    with pytest.raises(ToolkitError, match="cannot name a file"):
        notebook.run(ids=ids)


def test_without_an_analysis_it_says_how_to_make_one():
    with pytest.raises(ToolkitError, match="python -m toolkit recipe analyze_mlp"):
        notebook.run(ids="111")
