import pytest

from benchmarks.example_sheets import example_sheet, letter_sheets
from benchmarks.simulate import save_photo
from toolkit.data.sheet_layout import parse_rows
from toolkit.errors import ToolkitError
from toolkit.paths import ROOT


def test_the_shipped_photo_is_made_again_byte_for_byte(tmp_path):
    save_photo(example_sheet(), tmp_path / "sheet.jpg")
    assert (tmp_path / "sheet.jpg").read_bytes() == (ROOT / "docs/images/sheet.jpg").read_bytes()


def test_pages_hold_what_is_said():
    sheets, said = letter_sheets("ABCDEF", 20, 1)
    assert len(sheets) == 2
    for sheet, part in zip(sheets, said.split(","), strict=True):
        rows = parse_rows(part).rows
        assert [digit.label for digit in sheet.digits] == [name for row in rows for name in row]
    assert said.split(",")[0].split()[:3] == ["A*10", "A*10", "B*10"]


def test_too_many_are_refused():
    with pytest.raises(ToolkitError, match="Choose 1 to 500"):
        letter_sheets("AB", 501, 0)
