"""Every sentence is used, and is one."""

import re

from toolkit.paths import ROOT
from toolkit.reporting.sentences import _sentences, listed, many, percent, phrase, told

CODE = "".join((ROOT / "toolkit" / "reporting" / name).read_text() for name in ("report.py", "insights.py"))
SENTENCES = [
    (section, key, _sentences()[section][key]) for section in _sentences().sections() for key in _sentences()[section]
]


def test_every_sentence_is_said_somewhere():
    said = {
        (section, key)
        for section, key, _ in SENTENCES
        if section != "named" and not key.startswith(("mirrored_", "title"))
    }
    assert {key for _, key in said if f'"{key}"' not in CODE} == set()
    assert {section for section, _ in said if f'told("{section}"' not in CODE} == set()


def test_sentences_end_as_sentences_do():
    for section, key, sentence in SENTENCES:
        if section != "named" and key != "title":
            assert re.search(r"\.$|: \{complaint\}$", sentence), sentence


def test_what_is_no_name_is_left_out():
    facts = {"name": "cnn", "parameters": 1000, "data": "MNIST", "epochs": 8}
    expected = "cnn has 1,000 parameters and was trained on MNIST for 8 epochs. It is the only published model."
    assert told("pretrained", facts, "model", None, False, [], "only") == expected


def test_words():
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
    assert listed(["a", "b"], "or") == "a or b"
    assert (many(1, "row"), many(2000, "row")) == ("1 row", "2,000 rows")
    assert percent(0.955) == "95.5 %"
    assert phrase("batch_size", "").format(16) == "a batch size of 16"
    assert phrase("other", "other {}").format(16) == "other 16"
