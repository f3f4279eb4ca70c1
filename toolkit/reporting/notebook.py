"""An analysis told as a notebook: executed with its figures inside, typeset as PDF, zipped to hand in."""

import json
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
import pypandoc
import typst
from nbclient import execute
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell as code
from nbformat.v4 import new_markdown_cell as markdown

from toolkit.doors import read_json
from toolkit.errors import ToolkitError
from toolkit.evaluation.factors import Analysis
from toolkit.evaluation.records import ScoreRecord
from toolkit.paths import ROOT, write_file
from toolkit.reporting.insights import choice, describe, factor_section

LAYOUT = Path(__file__).with_name("notebook.typ")
INTRODUCTION = """# Training from scratch on MNIST

A feed-forward network is trained by plain stochastic gradient descent, and one factor after another is varied to see
what it does. Every number below was computed by the toolkit that is imported here.

## Data

MNIST's images, divided into three parts, each with the same share of every digit: one to train on, one to decide
with, one to test with at the end."""
IMPORTS = """import inspect
import warnings
from pathlib import Path

from IPython.display import Image

warnings.simplefilter("ignore")  # of torch and timm about each other

from toolkit.experiments.analysis import read_analysis
from toolkit.data.parts import load_parts
from toolkit.paths import runs_folder
from toolkit.reporting.factor_plots import plot_factor, plot_overview
from toolkit.reporting.plots import figure_png, plot_contact_sheet
from toolkit.training.plain_sgd import PlainSGD


def show(figure):
    return Image(figure_png(figure))
"""
LOOP = """## The loop

Batch, logits, cross entropy, gradients, step: the whole of the training, as a fastai callback in the place of
fastai's own loop."""


def analysis_cells(analysis: Analysis, folder: Path, title: str) -> list[dict[str, Any]]:
    """The cells that tell one analysis, from the run in ``folder``: tables and insights between the figures."""
    start = analysis.factors[0].start
    training, validation = analysis.images
    cells = [
        markdown(
            f"## {title}\n\nBaseline: {describe(start.setting)}. Each setting was trained {len(start.outcomes)} times "
            f"from scratch, with another seed each time, on {training:,} images, and judged on {validation:,} others "
            "by its accuracy after the last epoch. Differences come with Welch's 95 % interval over the seeds."
        ),
        code(
            # quoted, so that a folder's name never becomes a statement
            f"folder = runs_folder() / {json.dumps(folder.parent.name)} / {json.dumps(folder.name)}\n"
            "analysis = read_analysis(folder)\nshow(plot_overview(analysis))"
        ),
    ]
    for number, factor in enumerate(analysis.factors):
        cells.append(markdown(f"### {factor.title.capitalize()}\n\n{factor_section(factor, validation)}"))
        cells.append(code(f"show(plot_factor(analysis.factors[{number}], analysis.images))"))
    scores = read_json(folder / "scores.json", dict[str, ScoreRecord])["test"]
    low, high = (100 * end for end in scores["interval_95"])
    cells.append(
        markdown(
            f"### The best setting, tested\n\n{choice(analysis)} It was trained once more, with a new seed, and read "
            f"**{100 * scores['accuracy']:.2f} %** of the test images ({scores['correct']:,} of {scores['n']:,}; 95 % "
            f"interval {low:.2f} to {high:.2f} %)."
        )
    )
    cells += [code(f'Image(folder / "{picture}.png")') for picture in ("curves", "confusion", "confused")]
    return cells


def opening_cells(parts: Mapping[str, object]) -> list[dict[str, Any]]:
    """Data and loop; ``parts`` are the arguments for ``load_parts``."""
    given = ", ".join(f"{name}={_written(value)}" for name, value in parts.items())
    return [
        markdown(INTRODUCTION),
        code(f"{IMPORTS}\n\nparts = load_parts({given})\nprint(parts)"),
        code('show(plot_contact_sheet(parts.training, "the first twelve of each digit"))'),
        markdown(LOOP),
        code("print(inspect.getsource(PlainSGD.before_train))"),
    ]


def _written(value: object) -> str:
    return f"Path({str(value)!r})" if isinstance(value, Path) else repr(value)


def write_notebook(path: Path, cells: Sequence[Mapping[str, Any]]) -> Path:
    """Execute ``cells`` and write them with what they show; a ``ToolkitError`` says which one failed."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.from_dict(cell) for cell in cells])
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"  # else random: the same analysis gives the same notebook
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jupyter's own, about its paths and event loop
        quiet = ["--IPKernelApp.log_level=ERROR"]
        try:
            execute(notebook, cwd=str(ROOT), timeout=600, kernel_name="python3", extra_arguments=quiet)
        except CellExecutionError as error:
            told = f"{error.ename}: {error.evalue}"
            raise ToolkitError(f"A cell of the notebook failed: {told}. Mend what it names.") from error
    return write_file(path, nbformat.writes(notebook))


def write_pdf(notebook: Path, path: Path) -> Path:
    """Typeset an executed notebook: pandoc turns it into Typst's language, Typst into PDF."""
    with tempfile.TemporaryDirectory() as folder:
        body = pypandoc.convert_file(
            str(notebook), "typst", format="ipynb", extra_args=[f"--extract-media={folder}"], cworkdir=folder
        )
        page = Path(folder, "page.typ")
        # Typst takes paths as relative to the file it reads
        page.write_text(LAYOUT.read_text("utf-8") + body.replace(f'"{folder}/', '"'), encoding="utf-8")
        return write_file(path, typst.compile(str(page), root=folder))
