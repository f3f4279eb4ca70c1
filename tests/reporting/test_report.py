import json

import pytest
import typst

from toolkit.reporting.report import LAYOUT, _clean


@pytest.mark.parametrize("text", ["lone \ud800 surrogate", "\0 and \x1b", "e" + "\u0301" * 20_000, "\ufffe"])
def test_any_text_can_be_typeset(text):
    content = {"title": text, "authors": [text], "ids": [], "sections": [], "figures": []}
    assert typst.query(LAYOUT, "<text-end>", sys_inputs={"data": json.dumps(_clean(content))})


def test_two_accents_are_kept():
    assert _clean(["e\u0301\u0323"]) == ["e\u0301\u0323"]
