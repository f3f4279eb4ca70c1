import pytest

from toolkit.data.corrections import Corrections, parse_corrections
from toolkit.errors import ToolkitError


def test_corrections_name_a_place_and_if_need_be_a_photo(tmp_path):
    one, two = tmp_path / "a.jpg", tmp_path / "b.jpg"
    assert parse_corrections([one], ["3:12", "1:2"])[one].skip == {(3, 12), (1, 2)}
    corrections = parse_corrections([one, two], ["b.jpg:3:12"], ["a.jpg:2:4=seven"], ["a.jpg:1,2,30,40"])
    assert corrections[one] == Corrections(frozenset(), {(2, 4): "seven"}, ((1, 2, 30, 40),))
    assert corrections[two] == Corrections(frozenset([(3, 12)]))
    for text in ("3:12", "c.jpg:3:12"):
        with pytest.raises(ToolkitError, match="does not say which photo"):
            parse_corrections([one, two], [text])


@pytest.mark.parametrize(
    ("option", "text"),
    [("skip", "3"), ("skip", "3:4=5"), ("label", "3:4"), ("label", "3:4=../x"), ("add", "1,2,3"), ("add", "1,-2,3,4")],
)
def test_anything_else_is_refused(option, text, tmp_path):
    with pytest.raises(ToolkitError):
        parse_corrections([tmp_path / "a.jpg"], **{option: [text]})


def test_places_that_do_not_exist_are_named():
    corrections = Corrections(frozenset([(1, 3), (0, 2)]), {(2, 1): "7", (3, 1): "7"}, ((0, 0, 9, 9),))
    assert corrections.missing(["ab", "abcde"]) == ["0:2", "1:3", "3:1"]
