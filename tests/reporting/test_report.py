import pytest

from toolkit.errors import ToolkitError
from toolkit.reporting.report import Picture, _blocks, _clean, typeset

EMPTY = {"authors": [], "ids": [], "sections": []}


def test_a_broken_picture_is_one_line_and_leaves_nothing(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG and then nothing")
    with pytest.raises(ToolkitError, match="cannot be typeset"):
        typeset(tmp_path / "a.pdf", {**EMPTY, "title": "a"}, [Picture(tmp_path / "a.png", "broken")])
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("text", ["lone \ud800 surrogate", "\0 and \x1b", "e" + "\u0301" * 20_000, "\ufffe"])
def test_any_text_can_be_typeset(text, tmp_path):
    sections = [{"title": text, "paragraphs": [text], "blocks": _blocks(text)}]
    assert typeset(tmp_path / "a.pdf", {**EMPTY, "title": text, "authors": [text], "sections": sections}, []) == 1


def test_two_accents_are_kept():
    assert _clean(["e\u0301\u0323"]) == ["e\u0301\u0323"]
