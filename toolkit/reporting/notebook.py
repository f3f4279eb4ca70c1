"""An analysis told as a notebook that stands alone: executed, with its figures inside, and typeset as PDF."""

import inspect
import re
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from string import Template
from typing import Any

import nbformat
import pypandoc
import typst
from nbclient import execute
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell as code
from nbformat.v4 import new_markdown_cell as markdown

from toolkit.data import mnist
from toolkit.doors import read_json
from toolkit.errors import ToolkitError
from toolkit.evaluation.factors import Analysis
from toolkit.evaluation.records import ScoreRecord
from toolkit.models.pixels import MNIST_MEAN, MNIST_STD
from toolkit.paths import write_file
from toolkit.reporting.insights import choice, describe, factor_section
from toolkit.training.trainings import Setting

LAYOUT = Path(__file__).with_name("notebook.typ")
STORY = Path(__file__).with_name("notebook.md")  # its parts begin with a comment that names them
TOLD = ("curves", "confusion", "confused")  # figures of the setting that was tested
CELL = re.compile(r"^```python ?(\w*)\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
SOURCE = re.compile(r"^# source: (\S+) (\w+)$", re.MULTILINE)
# what these parts of the toolkit would need of its other parts
PLAIN = {"ToolkitError": "ValueError", "Content": "bytes | bytearray"}


def _cells(part: str, facts: Mapping[str, Any], source: str = "") -> list[dict[str, Any]]:
    """The cells of a part of ``notebook.md`` with ``facts`` in the place of $names; code is the toolkit's own where a
    line says so. A cell for another ``source`` of images is left out.
    """
    _, *parts = re.split(r"^<!-- (\w+) -->$", STORY.read_text("utf-8"), flags=re.MULTILINE)
    told = Template(dict(zip(parts[::2], parts[1::2], strict=True))[part]).substitute(facts)
    cells, end = [], 0
    for cell in CELL.finditer(told):
        cells.append(markdown(told[end : cell.start()].strip()))
        if cell[1] in ("", source):
            cells.append(code(SOURCE.sub(_source, cell[2]).strip()))
        end = cell.end()
    return [cell for cell in cells if cell["source"]]


def _source(line: re.Match[str]) -> str:
    """The source of what a line names, with nothing of the toolkit in it."""
    said = inspect.getsource(getattr(import_module(line[1]), line[2])).strip()
    return re.sub(r"\b(ToolkitError|Content)\b", lambda word: PLAIN[word[0]], said)


def opening_cells(start: Setting, seed: int, split_seed: int, source: str) -> list[dict[str, Any]]:
    """Data, network, loader, loop, and one short training from ``start``; images come from "mnist" or "csv"."""
    facts = {"sha256": mnist.SHA256, "mean": MNIST_MEAN, "std": MNIST_STD, "seed": seed, "split_seed": split_seed}
    return _cells("opening", {**asdict(start), **facts, "epochs": min(2, start.epochs)}, source)


def analysis_cells(analysis: Analysis, folder: Path, place: str, title: str) -> list[dict[str, Any]]:
    """The cells that tell one analysis from the files of its run's ``folder``, which lie in ``place`` beside them."""
    start, (training, validation) = analysis.factors[0].start, (f"{count:,}" for count in analysis.images)
    facts = {"title": title, "place": place, "start": describe(start.setting), "seeds": len(start.outcomes)}
    cells = _cells("analysis", {**facts, "training": training, "validation": validation})
    for factor in analysis.factors:
        section = {"section": factor_section(factor, analysis.images[1]), "name": factor.name, "place": place}
        cells += _cells("factor", {**section, "title": factor.title.capitalize()})
    scores = read_json(folder / "scores.json", dict[str, ScoreRecord])["test"]
    low, high = scores["interval_95"]
    shares = {"accuracy": scores["accuracy"], "low": low, "high": high}
    counts = {"correct": f"{scores['correct']:,}", "n": f"{scores['n']:,}"}
    percents = {name: f"{100 * share:.2f}" for name, share in shares.items()}
    return [*cells, *_cells("tested", {**counts, **percents, "choice": choice(analysis), "place": place})]


def analysis_files(analysis: Analysis, folder: Path, place: str) -> dict[str, bytes]:
    """The files of a run that its cells read, by their path beside the notebook."""
    pictures = ["overview", *(factor.name for factor in analysis.factors), *TOLD]
    if not all(picture.isidentifier() for picture in pictures):  # they become paths and code
        raise ToolkitError(f"{folder} names its factors otherwise than analyses do. Run the analysis again.")
    names = ["analysis.json", *(f"{picture}.png" for picture in pictures)]
    try:
        return {f"{place}/{name}": (folder / name).read_bytes() for name in names}
    except OSError as error:
        raise ToolkitError(f"{error.filename} is missing: {error.strerror}. Run the analysis again.") from error


def write_notebook(path: Path, cells: Sequence[Mapping[str, Any]], beside: Mapping[str, bytes | bytearray]) -> Path:
    """Execute ``cells`` in a folder that holds only the files ``beside``, and write them with what they show.

    A ``ToolkitError`` says which one failed.
    """
    notebook = nbformat.v4.new_notebook(cells=[nbformat.from_dict(cell) for cell in cells])
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"  # else random: the same analysis gives the same notebook
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")  # jupyter's own, about its paths and event loop
        for name, content in beside.items():
            write_file(Path(folder, name), bytes(content))
        quiet = ["--IPKernelApp.log_level=ERROR"]
        try:
            execute(notebook, cwd=folder, timeout=600, kernel_name="python3", extra_arguments=quiet)
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
