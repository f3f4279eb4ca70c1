import pytest

from toolkit.classes import DIGITS, check_name, natural_order, parse_names
from toolkit.errors import ToolkitError


@pytest.mark.parametrize(
    ("names", "ordered"),
    [
        (["10", "9", "1"], ["1", "9", "10"]),
        (["b", "A", "a", "B"], ["A", "a", "B", "b"]),
        (["page 10", "page 2"], ["page 2", "page 10"]),
        (["९", "०", "१"], ["०", "१", "९"]),
        (["7", "a", "7"], ["7", "a"]),
        (list(reversed(DIGITS)), DIGITS),
    ],
)
def test_classes_stand_in_natural_order_each_once(names, ordered):
    assert natural_order(names) == tuple(ordered)


@pytest.mark.parametrize(
    "name",
    ["", " A", "A ", "a/b", "a\\b", "<", "CON", "nul.txt", ".hidden", "dot.", "x" * 41, "a\nb", "a\0b", "\ud800"],
)
def test_a_name_that_could_not_be_a_folders_is_refused(name):
    with pytest.raises(ToolkitError, match="cannot name a class") as error:
        check_name(name)
    assert str(error.value).isascii()


def test_accents_are_composed():
    assert check_name("e\u0301") == "\u00e9"


def test_names_come_in_the_order_written():
    assert parse_names("B A Ω 7 +") == ("B", "A", "Ω", "7", "+")


@pytest.mark.parametrize(
    ("text", "complaint"), [("A", "1 classes cannot"), ("A B A", "named twice"), ("A e\u0301 \u00e9", "named twice")]
)
def test_fewer_than_two_classes_and_doubles_are_refused(text, complaint):
    with pytest.raises(ToolkitError, match=complaint):
        parse_names(text)
