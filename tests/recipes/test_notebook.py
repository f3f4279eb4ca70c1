import json
import re
import zipfile
from dataclasses import asdict, replace

import nbformat
import pytest
import torch
from matplotlib.figure import Figure

from recipes import notebook
from tests.evaluation.test_factors import level
from tests.reporting.test_plots import scores
from toolkit.data.csv_digits import as_csv
from toolkit.data.parts import load_parts
from toolkit.errors import ToolkitError
from toolkit.evaluation.factors import Analysis, Factor
from toolkit.paths import write_file
from toolkit.reporting.notebook import code, opening_cells, write_notebook
from toolkit.reporting.plots import save_figure
from toolkit.runs import start_run
from toolkit.training.trainings import train

ALONE = """import sys
from importlib.util import find_spec

assert find_spec("toolkit") is None
assert not any(name.partition(".")[0] in ("toolkit", "recipes", "fastai", "timm") for name in sys.modules)
[path.name for path in sorted(Path().iterdir())]"""


def analysis_of(**options):
    """A finished run of analyze_mlp, as far as the notebook reads it."""
    factor = Factor("batch_size", (level(16, [0.95, 0.96]), level(32, [0.0, 0.0], "The loss became nan.")), 16)
    with start_run("analyze_mlp.py", {"mnist": None, "csv": None, "split_seed": 7, "seed": 5, **options}) as run:
        given = (options.get(name) for name in ("mnist", "csv"))
        run.facts.update(data_sha256=load_parts(*given, 7).digest)
        run.write_json("analysis.json", asdict(Analysis((factor,), None, (600, 200))))
        run.write_json("scores.json", {"test": scores(99, 0).as_record()})
        for name in ("overview", "batch_size", "curves", "confusion", "confused"):
            save_figure(Figure(), run.folder / f"{name}.png")
    return run.folder


@pytest.fixture
def analysis(idx_files):
    """One of the stand-in for MNIST."""
    return analysis_of(mnist=idx_files)


def cells_told(packed, name):
    told = nbformat.reads(packed.read(name).decode(), as_version=4)
    nbformat.validate(told)
    outputs = [output for cell in told.cells for output in cell.get("outputs", ())]
    said = "".join(output.get("text", "") for output in outputs)
    return told.cells, said, [output["data"] for output in outputs if "image/png" in output.get("data", {})]


def losses_of(setting, parts):
    """The first epoch's, by the toolkit itself."""
    _, outcome = train(replace(setting, epochs=1), 5, parts, torch.device("cpu"), show_progress=False)
    return outcome.history[0].training_loss, outcome.history[0].validation_loss


def test_an_analysis_becomes_a_notebook_that_runs_without_the_toolkit(analysis, idx_files, tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    add = notebook.opening_cells
    monkeypatch.setattr("recipes.notebook.opening_cells", lambda *given: [*add(*given), code(ALONE)])
    archive = notebook.run(ids="111,222", out=tmp_path / "111_222.zip")
    with zipfile.ZipFile(archive) as packed:
        names = [name for name in packed.namelist() if name.startswith("analyze_mlp/")]
        assert packed.namelist() == ["111_222.ipynb", "111_222.pdf", *names]
        assert "analyze_mlp/analysis.json" in names
        assert packed.read("111_222.pdf").startswith(b"%PDF")
        cells, said, shown = cells_told(packed, "111_222.ipynb")
        assert str(tmp_path) not in packed.read("111_222.ipynb").decode()
    assert len(shown) == 5  # overview, the factor, curves, confusion matrix, confused pairs
    story = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert "2 of 2 trainings diverged" in story
    assert "**100.00 %** of the test images (990 of 990" in story
    assert "batch_size 16 95.00% 96.00%" in said
    first = re.search(r"epoch 1: training loss ([\d.]+), validation loss ([\d.]+)", said)
    expected = losses_of(level(16, [0.9]).setting, load_parts(idx_files, None, 7))
    assert [float(loss) for loss in first.groups()] == pytest.approx(expected, abs=2e-4)


@pytest.fixture
def moved(tmp_path, examples, monkeypatch):
    """Where a CSV file is now, after its analysis."""
    digits = examples["Training Set"]
    (tmp_path / "train.csv").write_bytes(as_csv(digits.images, digits.labels))
    analysis_of(csv=tmp_path / "train.csv")
    monkeypatch.setattr(notebook, "write_notebook", lambda path, cells, beside: write_file(path, beside["train.csv"]))
    monkeypatch.setattr(notebook, "write_pdf", lambda _, path: write_file(path, b""))
    return (tmp_path / "train.csv").rename(tmp_path / "moved.csv")


def test_a_file_that_was_moved_is_named(moved, tmp_path):
    with pytest.raises(ToolkitError, match=r"train\.csv cannot be read"):
        notebook.run(ids="111", out=tmp_path / "a.zip")
    with zipfile.ZipFile(notebook.run(ids="111", csv=moved, out=tmp_path / "b.zip")) as packed:
        assert packed.read("111.ipynb") == moved.read_bytes()


def test_other_images_than_the_analysis_had_are_refused(moved):
    lines = moved.read_text().splitlines(keepends=True)
    moved.write_text("".join(lines[:-1]))
    with pytest.raises(ToolkitError, match="are not the images of"):
        notebook.run(ids="111", csv=moved)


def test_its_code_is_the_toolkits_and_names_nothing_of_it():
    sources = [cell["source"] for cell in opening_cells(level(16, [0.9]).setting, 5, 7, "mnist")]
    told = "\n".join(sources)
    assert "parameter.sub_(gradient, alpha=learning_rate)" in told
    assert "class MLP(nn.Module)" in told
    assert not re.search(r"toolkit|ToolkitError|# source:|\\$", told)
    assert "train.csv" not in told


def test_images_from_a_csv_file_are_read_from_one(tmp_path, examples, monkeypatch, capsys):
    digits, setting = examples["Training Set"], level(16, [0.9]).setting
    (tmp_path / "train.csv").write_bytes(as_csv(digits.images, digits.labels))
    cells = [cell["source"] for cell in opening_cells(setting, 5, 7, "csv") if cell["cell_type"] == "code"]
    monkeypatch.chdir(tmp_path)
    exec("\n".join(cells), {"__name__": "told"})
    loss = re.search(r"epoch 1: training loss ([\d.]+)", capsys.readouterr().out)[1]
    assert float(loss) == pytest.approx(losses_of(setting, load_parts(None, tmp_path / "train.csv", 7))[0], abs=2e-4)
    assert "urlopen(" not in "\n".join(cells)


def test_a_cell_that_fails_is_told_and_nothing_is_written(tmp_path):
    with pytest.raises(ToolkitError, match="A cell of the notebook failed: ZeroDivisionError"):
        write_notebook(tmp_path / "told.ipynb", [code("1 / 0")], {})
    assert list(tmp_path.glob("*.ipynb")) == []


def test_an_analysis_that_was_damaged_is_refused(analysis):
    (analysis / "analysis.json").write_text(json.dumps({}))
    with pytest.raises(ToolkitError, match="factors: Field required"):
        notebook.run(ids="111")


@pytest.mark.parametrize("name", ['a"); open("ran", "w"); ("', "../../a"])
def test_a_factors_name_is_neither_code_nor_another_folder(analysis, name):
    record = json.loads((analysis / "analysis.json").read_text())
    record["factors"][0]["name"] = name
    (analysis / "analysis.json").write_text(json.dumps(record))
    with pytest.raises(ToolkitError, match="names its factors otherwise"):
        notebook.run(ids="111")


def test_a_figure_that_is_gone_is_named(analysis):
    (analysis / "overview.png").unlink()
    with pytest.raises(ToolkitError, match=r"overview\.png is missing"):
        notebook.run(ids="111")


@pytest.mark.parametrize("ids", ["", "1,,2", "../x", "1 2", "CON", "1" * 10_000])
def test_ids_that_name_no_file_are_refused(ids):
    with pytest.raises(ToolkitError, match="cannot name a file"):
        notebook.run(ids=ids)


def test_without_an_analysis_it_says_how_to_make_one():
    with pytest.raises(ToolkitError, match="python -m toolkit recipe analyze_mlp"):
        notebook.run(ids="111")
