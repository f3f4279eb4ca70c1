import pytest

from toolkit.data.example_letters import letter_sheets
from toolkit.data.sheet_layout import parse_rows
from toolkit.errors import ToolkitError


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
