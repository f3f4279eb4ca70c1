from pathlib import Path

import pytest

from toolkit.data.sheet_layout import Layout, choose_layouts, class_in_name, parse_code, parse_rows, template_pages
from toolkit.data.splits import parse_division
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
        ("AΩ+", ("A" * 12, "Ω" * 12, "+" * 12)),
        ("A*3 B*2", ("AAA", "BB")),
        ("A*3", ("AAA",)),
        ("A*2BC/D", ("AABC", "D")),
        ("[alpha][beta]", (("alpha",) * 12, ("beta",) * 12)),
        ("[Ankle boot]*2 [10]7", (("Ankle boot",) * 2, ("10", "7"))),
    ],
)
def test_rows_in_one_word(text, rows):
    assert parse_rows(text).rows == tuple(map(tuple, rows))


def test_rows_are_as_long_as_the_sets_need_or_of_any_length():
    assert parse_rows("AB", 24).rows == (("A",) * 24, ("B",) * 24)
    free = parse_rows("AB", None)
    assert free.complaints([20, 7]) == {}
    assert free.labels([2, 1]) == [("A", "A"), ("B",)]
    assert free.complaints([20]) == {-1: "1 rows found, expected 2; images per row: 20"}


@pytest.mark.parametrize("text", ["", "  ", "/", "A*", "*3", "[]", "[alpha", "A]", "A*99999", "[a/b]", "."])
def test_what_is_no_row_is_refused(text):
    with pytest.raises(ToolkitError, match=r"--rows says nothing|cannot be read|cannot name a class"):
        parse_rows(text)


def test_a_pages_code_says_what_stands_on_it():
    classes = ("A", "Ω", "Ankle boot", "10")
    pages = template_pages(classes, parse_division("30,5,5"))
    assert [len(page.rows) for page in pages] == [10, 6]
    assert pages[0].rows[3:5] == (("A", 4), ("Ω", 12))
    assert pages[1].heading == "Page 2 of 2"
    codes = [parse_code(page.code) for page in pages]
    assert [(code.number, code.pages) for code in codes] == [(1, 2), (2, 2)]
    assert all(code.division == parse_division("30,5,5") for code in codes)
    written = [name for code in codes for row in code.layout.rows for name in row]
    assert {name: written.count(name) for name in classes} == dict.fromkeys(classes, 40)


@pytest.mark.parametrize(
    "text", ["", "https://example.org", "1/1 8,2,2 A*13", "1/1 8,2,2 AB*2", "1/1 8,2 A*12", "1/1 8,2,2 " + "A*1 " * 11]
)
def test_a_foreign_code_is_refused(text):
    with pytest.raises(ToolkitError, match=r"Print a new page|divides no class|cannot be read"):
        parse_code(text.strip())


def test_a_page_has_a_number_of_boxes():
    with pytest.raises(ToolkitError, match="no number of boxes"):
        template_pages("AB", parse_division("70%,15%,15%"))
    with pytest.raises(ToolkitError, match="take 1000 pages"):
        template_pages([str(number) for number in range(1000)], parse_division("80,20,20"))


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
    assert parse_rows("123 45").labels([3, 2]) == [("1", "2", "3"), ("4", "5")]
    assert Layout(one="7").labels([2, 1]) == [("7", "7"), ("7",)]
    assert Layout(one="7").complaints([5, 4]) == {}


def test_rows_of_one_digit_may_be_accepted_at_any_length_others_not():
    assert parse_rows("01").labels([11, 12])[0] == ("0",) * 11
    with pytest.raises(ToolkitError):
        parse_rows("123 45").labels([2, 2])


def test_options_for_all_photos():
    photos = [Path("a_1.jpg"), Path("b_2.jpg")]
    assert choose_layouts(photos, None, None) == [None, None]
    assert choose_layouts(photos, None, "7") == [Layout(one="7")] * 2
    assert choose_layouts(photos, None, "name") == [Layout(one="1"), Layout(one="2")]
    assert choose_layouts(photos, "12 34", None)[1] == parse_rows("12 34")
    assert choose_layouts(photos, "12/34,5", None) == [parse_rows("12 34"), parse_rows("5")]
    with pytest.raises(ToolkitError, match="describes 3 photos"):
        choose_layouts(photos, "1,2,3", None)
    for rows, digit in (("0", "1"), (None, ""), (None, "a/b")):
        with pytest.raises(ToolkitError):
            choose_layouts(photos, rows, digit)


def test_a_letter_may_be_named_as_well():
    assert class_in_name(Path("letters_A.jpg")) == Layout(one="A")


@pytest.mark.parametrize("name", ["IMG_2041.jpg", "scan.png", "3_of_5.jpg"])
def test_a_name_without_one_digit_is_refused(name):
    with pytest.raises(ToolkitError, match="does not name one digit"):
        class_in_name(Path(name))
