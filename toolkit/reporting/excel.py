"""The four accuracies as a spreadsheet, our own or an instructor's."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import Cell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from toolkit.doors import read_archive
from toolkit.errors import ToolkitError, printable
from toolkit.evaluation.scores import Scores
from toolkit.models.bundle import ModelCard
from toolkit.paths import atomic_write

PERCENT = "0.00%"
Table = Sequence[Mapping[str, Any]]  # rows that share their keys, the headings
MOST_UNPACKED = 10_000_000  # bytes; openpyxl takes fifty times as much memory
MOST_CELLS = 10_000  # a table to fill in has a few dozen

ENTRIES = {
    "pretrained_mnist": "the pre-trained model on MNIST",
    "pretrained_own": "the pre-trained model on own digits",
    "last_layer_own": "the model with its last layer fine-tuned",
    "n_layers_own": "the model with more layers fine-tuned",
}
ON_MNIST, ON_OWN = "MNIST test", "own Test Set"  # the data they are measured on


@dataclass(frozen=True)
class Result:
    """One of the four accuracies."""

    key: str  # one of ``ENTRIES``
    place: str  # the name or folder that the model was read from
    data: str
    scores: Scores
    card: ModelCard


# What an instructor's sheet may call things, in lower case
FINE_TUNED = r"fine ?tun|layer|transfer"
PRETRAINED = r"pre ?train|base ?line|original|before"
SEVERAL_LAYERS = r"\blayers\b|\b(two|three|several|multiple|more|n|\d+)\b.*\blayer"
OWN_DIGITS = r"\b(own|your|our|my|custom|personal|hand ?written|20)\b"


def write_results(
    path: Path, results: Sequence[Result], tables: Mapping[str, Table] | None = None, left_out: Sequence[str] = ()
) -> None:
    """Write a new workbook of ``results`` and ``tables``; ``left_out`` says which accuracies are missing, and why."""
    sheets: dict[str, list[list[Any]]] = {
        "Results": [["Model", "Test data", "Images", "Right", "Accuracy", "95 % from", "95 % to"]],
        "Runs": [["Model", "Test data", "Recipe", "Date", "Options", "Read from", "Weights (sha256)"]],
        **{title: [list(rows[0]), *(list(row.values()) for row in rows)] for title, rows in (tables or {}).items()},
    }
    for result in results:
        card, scores, said = result.card, result.scores, [result.card.name, result.data]
        sheets["Results"].append([*said, scores.n, scores.correct, scores.accuracy, *scores.interval])
        origin = [card.recipe, card.date, _said(card.options), result.place, card.weights_sha256]
        sheets["Runs"].append([*said, *origin])
    workbook = Workbook()
    workbook.remove(workbook.active)
    for title, cells in sheets.items():
        _fill_sheet(workbook.create_sheet(title), cells)
    n = results[-1].scores.n
    notes = [f"95 % from, to: Wilson interval. One of {n} images is {100 / n:.3g} points."]
    for number, note in enumerate([*notes, *(f"Left out: {reason}" for reason in left_out)]):
        workbook["Results"].cell(len(results) + 3 + number, 1, note).font = Font(italic=True)
    with atomic_write(path) as temporary:
        workbook.save(temporary)


def comparison_table(compared: Mapping[str, Any], tested: Mapping[str, Any]) -> Table:
    """The ways to fine-tune over seeds, from ``comparison.json`` and ``comparison_test.json``."""
    return [
        {
            "Fine-tuned": way,
            "Seeds": compared["seeds"],
            f"Validation accuracy of {compared['n']}, mean": own["mean"],
            "Validation accuracy, worst": own["worst"],
            "Standard deviation (accuracy)": own["spread"],
            f"Test accuracy of {tested['n']}, mean": tested["ways"][way]["mean"],
            "Test accuracy, worst": tested["ways"][way]["worst"],
            "Standard deviation (test accuracy)": tested["ways"][way]["spread"],
            "Validation loss at the end": own["loss"],
            "Epochs to the lowest loss, median": own["epochs_to_best"],
            "Spread of the loss curves": own["curve_spread"],
            "Weights moved, first to last layer (%)": ", ".join(
                f"{100 * share:.2f}" for share in own["moved"].values()
            ),
        }
        for way, own in compared["ways"].items()
    ]


def trials_table(tuning: Mapping[str, Any]) -> Table:
    """Every trial of a search, from ``tuning.json``."""
    return [{"search": name, **trial} for name, found in tuning.items() for trial in found["trials"]]


def fill_template(template: Path, path: Path, results: Sequence[Result]) -> None:
    """Write ``results`` into a copy of an instructor's workbook; raises what ``match_template`` raises.

    An entry goes into the empty cell whose row and column headings name it; all else stays as it was.
    """
    workbook, cells = match_template(template)
    for result in results:
        cell = cells[result.key]
        cell.value = result.scores.accuracy
        if "%" not in cell.number_format:
            cell.number_format = PERCENT
    with atomic_write(path) as temporary:
        workbook.save(temporary)


def read_results(path: Path) -> dict[str, float]:
    """The accuracies, by ``ENTRIES``, in a workbook of our own or an instructor's; raises as ``match_template``."""
    workbook = _open(path)
    first = workbook.worksheets[0] if workbook.worksheets else None
    # our own, which may leave some of the first two out
    if first and (first.title, first["E1"].value) == ("Results", "Accuracy"):
        rows = [row for row in first.iter_rows(2, 1 + len(ENTRIES), 2, 5, values_only=True) if row[-1] is not None]
        on_mnist, own = ([row[-1] for row in rows if (row[0] == ON_MNIST) is wanted] for wanted in (True, False))
        said = dict(zip(reversed(ENTRIES), reversed(own), strict=False)) | dict(zip(ENTRIES, on_mnist, strict=False))
    else:
        said = {key: cell.value for key, cell in match_template(path, filled=True)[1].items()}
    return {key: value for key, value in said.items() if isinstance(value, int | float) and 0 <= value <= 1}


def _open(path: Path) -> Workbook:
    try:
        read_archive(path, "", MOST_UNPACKED)
        return load_workbook(path)
    except Exception as error:  # openpyxl checks little: what is damaged raises whatever it stumbles over
        raise ToolkitError(f"{path} is no .xlsx workbook: {error}. Save it as .xlsx.") from error


def match_template(template: Path, filled: bool = False) -> tuple[Workbook, dict[str, Cell]]:
    """An instructor's workbook and the cell in it, empty or ``filled``, that each of the ``ENTRIES`` belongs to.

    Raises ``ToolkitError`` when it is no workbook, or an entry finds no cell or several.
    """
    workbook = _open(template)
    found: dict[str, list[tuple[Cell, str]]] = {key: [] for key in ENTRIES}
    for sheet in workbook.worksheets:
        if sheet.max_row * sheet.max_column > MOST_CELLS:
            raise ToolkitError(
                f"{template}: the sheet {sheet.title} reaches to {get_column_letter(sheet.max_column)}{sheet.max_row}. "
                "Delete what lies far from the table, or leave out --template."
            )
        for cell in (cell for row in sheet.iter_rows(max_col=max(2, sheet.max_column)) for cell in row):
            if isinstance(cell, Cell) and isinstance(cell.value, int | float if filled else type(None)):
                left, above = _headings(sheet, cell)
                if key := _entry(left, above):
                    found[key].append((cell, above))
    places: dict[str, Cell] = {}
    for key, meaning in ENTRIES.items():
        # where some stand under 'accuracy', only those
        cells = [cell for cell, above in found[key] if "accura" in above] or [cell for cell, _ in found[key]]
        if len(cells) != 1:
            named = ", ".join(f"{c.parent.title}!{c.coordinate}" for c in cells) or "none"
            raise ToolkitError(
                f"{template}: cells for {meaning}: {named}; expected one cell whose row or column heading "
                "names it. Fill it by hand, or leave out --template."
            )
        places[key] = cells[0]
    return workbook, places


def _headings(sheet: Worksheet, cell: Cell) -> tuple[str, str]:
    """The texts to the left of ``cell`` and the nearest text above it, in lower case."""
    left = [sheet.cell(cell.row, column).value for column in range(1, cell.column)]
    above = [sheet.cell(row, cell.column).value for row in range(cell.row - 1, 0, -1)]
    texts = " | ".join(value for value in left if isinstance(value, str))
    header = next((value for value in above if isinstance(value, str)), "")
    row, column = (re.sub(r"[\s_-]+", " ", text).lower() for text in (texts, header))
    return row, column


def _entry(row: str, column: str) -> str | None:
    """Which of the four entries a cell holds, by the texts of its row and of its column."""
    if not row:
        return None
    on_own_digits = bool(re.search(OWN_DIGITS, f"{row} | {column}"))
    if re.search(FINE_TUNED, row):
        if "mnist" in column and not on_own_digits:
            return None
        return "n_layers_own" if re.search(SEVERAL_LAYERS, row) else "last_layer_own"
    if re.search(PRETRAINED, row) or "mnist" in row:
        return "pretrained_own" if on_own_digits else "pretrained_mnist"
    return None


def _fill_sheet(sheet: Worksheet, rows: Sequence[Sequence[Any]]) -> None:
    """A table with a frozen bold header and columns as wide as their longest cell, 60 letters at most."""
    for row in rows:
        sheet.append([printable(value) if isinstance(value, str) else value for value in row])
    for heading, *cells in sheet.columns:
        heading.font, heading.fill = Font(bold=True), PatternFill("solid", start_color="DDEBF7")
        for cell in cells:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
            if isinstance(cell.value, str):
                cell.data_type = "s"  # one that begins with = would be run as a formula
            if re.search("accuracy|95 %", heading.value, re.IGNORECASE):
                cell.number_format = PERCENT
            elif isinstance(cell.value, float):
                cell.number_format = "0.0000"
        longest = max(len(str(cell.value)) for cell in (heading, *cells))
        sheet.column_dimensions[heading.column_letter].width = min(60, max(10, longest + 2))
    sheet.freeze_panes = "A2"


def _said(options: Mapping[str, object]) -> str:
    """Options in words, without the folder of the digits: the workbook is handed in."""
    return ", ".join(f"{name}={value}" for name, value in options.items() if value is not None and name != "digits")
