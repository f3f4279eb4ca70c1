import zipfile
from dataclasses import replace

import pytest
from openpyxl import Workbook, load_workbook

from toolkit.classes import DIGITS
from toolkit.errors import ToolkitError
from toolkit.evaluation.scores import Scores
from toolkit.models.bundle import ModelCard
from toolkit.reporting.excel import MOST_UNPACKED, Result, fill_template, read_results, write_results

CARD = ModelCard("mnist_cnn", "cnn", {}, [], {}, "pretrain_mnist", {"lr": 0.1, "x": None}, {}, "2026-01-02 03:04:05")


def scores(correct: int, n: int) -> Scores:
    confusion = [[0] * 10 for _ in range(10)]
    confusion[1][1], confusion[1][2] = correct, n - correct
    return Scores(tuple(map(tuple, confusion)), 0.5, DIGITS)


RESULTS = [
    Result("pretrained_mnist", "mnist_cnn", "MNIST test", scores(9950, 10000), CARD),
    Result("pretrained_own", "mnist_cnn", "own Test Set", scores(17, 20), CARD),
    Result("last_layer_own", "runs/a", "own Test Set", scores(18, 20), replace(CARD, name="=1+1")),
    Result("n_layers_own", "runs/b", "own Test Set", scores(19, 20), CARD),
]
EXPECTED = [0.995, 0.85, 0.9, 0.95]


@pytest.mark.parametrize("left_out", [(), (0,), (1,), (0, 1)])
def test_our_own_is_read_again_whatever_it_leaves_out(left_out, tmp_path):
    results = [result for number, result in enumerate(RESULTS) if number not in left_out]
    write_results(tmp_path / "a.xlsx", results)
    assert read_results(tmp_path / "a.xlsx") == {result.key: result.scores.accuracy for result in results}


def test_four_rows_with_n_right_and_interval(tmp_path):
    write_results(tmp_path / "a.xlsx", RESULTS)
    sheet = load_workbook(tmp_path / "a.xlsx")["Results"]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2, max_row=5)]
    assert [row[2:5] for row in rows] == [
        [10000, 9950, 0.995],
        [20, 17, 0.85],
        [20, 18, 0.9],
        [20, 19, 0.95],
    ]
    assert rows[3][5] == pytest.approx(0.7639, abs=1e-4)
    assert sheet["E2"].number_format == "0.00%"
    assert all(sheet.column_dimensions[letter].width >= 10 for letter in "ABCDEFG")


def test_the_second_sheet_says_where_each_row_came_from(tmp_path):
    write_results(tmp_path / "a.xlsx", RESULTS)
    sheet = load_workbook(tmp_path / "a.xlsx")["Runs"]
    row = [cell.value for cell in sheet[2]]
    assert row[2:6] == ["pretrain_mnist", "2026-01-02 03:04:05", "lr=0.1", "mnist_cnn"]


def test_a_name_that_looks_like_a_formula_stays_text(tmp_path):
    write_results(tmp_path / "a.xlsx", RESULTS)
    cell = load_workbook(tmp_path / "a.xlsx")["Results"]["A4"]
    assert (cell.value, cell.data_type) == ("=1+1", "s")


def template(path, rows):
    workbook = Workbook()
    for row in rows:
        workbook.active.append(row)
    workbook.create_sheet("Notes")["B7"] = "keep me"
    workbook.save(path)
    return path


LAYOUTS = {
    "list": (
        [
            ["Assignment 4"],
            ["Model", "Accuracy"],
            ["Pre-trained model on MNIST test set"],
            ["Pre-trained model on own test set"],
            ["Fine-tuned model (last layer) on own test set"],
            ["Fine-tuned model (last two layers) on own test set"],
        ],
        ["B3", "B4", "B5", "B6"],
    ),
    "two label columns": (
        [
            ["Network", "Test data", "Images", "Accuracy", "Remarks"],
            ["Pretrained", "MNIST"],
            ["Pretrained", "Your handwritten digits"],
            ["Finetuned: one layer", "Your handwritten digits"],
            ["Finetuned: n-layer network", "Your handwritten digits"],
        ],
        ["D2", "D3", "D4", "D5"],
    ),
    "grid": (
        [
            [None, "MNIST test images", "Own digits"],
            ["Baseline (pre-trained)"],
            ["Last layer fine-tuned network"],
            ["Multiple layers fine-tuned"],
        ],
        ["B2", "C2", "C3", "C4"],
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_instructors_sheet_is_filled_where_it_asks(tmp_path, layout):
    rows, cells = LAYOUTS[layout]
    path = template(tmp_path / "theirs.xlsx", rows)
    fill_template(path, tmp_path / "filled.xlsx", RESULTS)
    filled, empty = load_workbook(tmp_path / "filled.xlsx"), load_workbook(path)
    assert [filled["Sheet"][cell].value for cell in cells] == EXPECTED
    assert filled["Notes"]["B7"].value == "keep me"
    changed = {
        cell.coordinate
        for row in filled["Sheet"].iter_rows()
        for cell in row
        if cell.value != empty["Sheet"][cell.coordinate].value
    }
    assert changed == set(cells)


def test_a_sheet_that_asks_for_something_else_is_refused(tmp_path):
    path = template(tmp_path / "theirs.xlsx", [["Name", "Grade"], ["Ada", 1]])
    with pytest.raises(ToolkitError, match="expected one cell"):
        fill_template(path, tmp_path / "filled.xlsx", RESULTS)
    assert not (tmp_path / "filled.xlsx").exists()


def test_a_file_that_is_no_workbook_is_refused(tmp_path):
    (tmp_path / "theirs.xlsx").write_text("name,grade")
    with pytest.raises(ToolkitError, match=r"no \.xlsx workbook"):
        fill_template(tmp_path / "theirs.xlsx", tmp_path / "filled.xlsx", RESULTS)


@pytest.mark.parametrize("letter", ["\0", "\x1b", "\ud800", "\ufffe", "\uffff"])
def test_a_name_that_xml_cannot_hold_is_written_without_it(tmp_path, letter):
    result = replace(RESULTS[0], place=f"a{letter}b")
    write_results(tmp_path / "ours.xlsx", [result])
    assert load_workbook(tmp_path / "ours.xlsx")["Runs"]["F2"].value == "a b"


def test_a_sheet_with_a_lone_far_cell_is_refused(tmp_path):
    path = template(tmp_path / "theirs.xlsx", LAYOUTS["list"][0])
    workbook = load_workbook(path)
    workbook.active["B200000"] = "far"
    workbook.save(path)
    with pytest.raises(ToolkitError, match="Sheet reaches to B200000"):
        fill_template(path, tmp_path / "filled.xlsx", RESULTS)


def test_a_workbook_that_unpacks_without_end_is_refused(tmp_path):
    path = template(tmp_path / "theirs.xlsx", LAYOUTS["list"][0])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet9.xml", bytes(MOST_UNPACKED))
    with pytest.raises(ToolkitError, match="unpacks to more than"):
        fill_template(path, tmp_path / "filled.xlsx", RESULTS)
