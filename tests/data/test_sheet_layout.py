from pathlib import Path

import pytest

from toolkit.data.sheet_layout import Layout, choose_layouts, digit_in_name, parse_rows
from toolkit.errors import ToolkitError


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("0123456789", tuple(digit * 12 for digit in "0123456789")),
        ("1234567890", tuple(digit * 12 for digit in "1234567890")),
        ("77", ("7" * 12, "7" * 12)),
        ("0123456789 0137486952", ("0123456789", "0137486952")),
        ("123/45", ("123", "45")),
        ("5989143896/", ("5989143896",)),
    ],
)
def test_rows_in_one_word(text, rows):
    assert parse_rows(text).rows == rows


@pytest.mark.parametrize("text", ["", "  ", "abc", "12x4", "/", "٣٤"])
def test_what_is_no_digits_is_refused(text):
    with pytest.raises(ToolkitError, match="no digits"):
        parse_rows(text)


def test_complaints_name_the_row_and_the_counts():
    layout = parse_rows("012")
    assert layout.complaints([12, 12, 12]) == {}
    assert layout.complaints([12, 11, 13]) == {
        1: "row 2 (the 1s) has 11 digits, expected 12",
        2: "row 3 (the 2s) has 13 digits, expected 12",
    }
    assert list(layout.complaints([12, 12])) == [-1]
    assert "2 rows found, expected 3" in layout.complaints([12, 12])[-1]


def test_labels_follow_the_rows():
    assert parse_rows("123 45").labels([3, 2]) == [[1, 2, 3], [4, 5]]
    assert Layout(digit=7).labels([2, 1]) == [[7, 7], [7]]
    assert Layout(digit=7).complaints([5, 4]) == {}


def test_rows_of_one_digit_may_be_accepted_at_any_length_others_not():
    with pytest.raises(ToolkitError):
        parse_rows("01").labels([11, 12])
    assert parse_rows("01").labels([11, 12], accept=True)[0] == [0] * 11
    with pytest.raises(ToolkitError):
        parse_rows("123 45").labels([2, 2], accept=True)


def test_options_for_all_photos():
    photos = [Path("a_1.jpg"), Path("b_2.jpg")]
    assert choose_layouts(photos, None, None) == [None, None]
    assert choose_layouts(photos, None, "7") == [Layout(digit=7)] * 2
    assert choose_layouts(photos, None, "name") == [Layout(digit=1), Layout(digit=2)]
    assert choose_layouts(photos, "12 34", None)[1] == Layout(("12", "34"))
    assert choose_layouts(photos, "12/34,5", None) == [Layout(("12", "34")), parse_rows("5")]
    with pytest.raises(ToolkitError, match="describes 3 photos"):
        choose_layouts(photos, "1,2,3", None)
    for rows, digit in (("0", "1"), (None, "12"), (None, "x")):
        with pytest.raises(ToolkitError):
            choose_layouts(photos, rows, digit)


@pytest.mark.parametrize("name", ["IMG_2041.jpg", "scan.png", "3_of_5.jpg"])
def test_a_name_without_one_digit_is_refused(name):
    with pytest.raises(ToolkitError, match="does not name one digit"):
        digit_in_name(Path(name))
