import contextlib
import gzip
import json
import os
import threading
import zipfile
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.damage import altered, at_most_one_line, damaged
from toolkit.doors import read_archive, read_file, read_json, read_unpacked, silenced
from toolkit.errors import LONGEST, ToolkitError


@dataclass
class Card:
    name: str
    classes: list[str]


def test_a_regular_file_is_read_up_to_a_limit(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert read_file(path, 5) == b"12345"
    with pytest.raises(ToolkitError, match="larger than"):
        read_file(path, 4)


@pytest.mark.parametrize("name", ["nothing", "a\0b", ""])
def test_what_is_not_there_is_one_line(name, tmp_path):
    with pytest.raises(ToolkitError, match=r"cannot be read|no regular file"):
        read_file(tmp_path / name)


def test_pipes_and_devices_are_not_opened_for_long(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", type(tmp_path)("/dev/zero")):
        with pytest.raises(ToolkitError, match="no regular file"):
            read_file(path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no readable JSON"),
        ("\x80", "no readable JSON"),
        ("[" * 100_000, "no readable JSON"),
        ("9" * 5000, "no readable JSON"),
        ("null", "all of it"),
        ("[1, 2]", "all of it"),
        ('{"name": 5, "classes": []}', "name: "),
        ('{"name": "a", "classes": ["a", null]}', r"classes\.1: "),
        ('{"name": "a"}', "classes: Field required"),
    ],
    ids=lambda value: value[:20],
)
def test_json_of_another_kind_is_refused_with_the_place(text, complaint, tmp_path):
    (tmp_path / "a.json").write_text(text, encoding="latin-1")
    with pytest.raises(ToolkitError, match=complaint):
        read_json(tmp_path / "a.json", Card)


def test_who_silences_while_somebody_does_waits():
    """The second would otherwise find nowhere as the place to go back to."""
    silent = threading.Event()

    def silence():
        with silenced():
            silent.set()

    other = threading.Thread(target=silence)
    with silenced():
        other.start()
        overlapped = silent.wait(0.05)
    other.join()
    assert silent.is_set()
    assert not overlapped


def test_a_message_stays_one_short_line_whatever_is_put_into_it():
    message = str(ToolkitError(f"'\x1b[2Ja\r\nb\u2028{'x' * 5_000_000}' is wrong. Choose another."))
    assert len(message) <= LONGEST
    assert message.isprintable()
    assert message.startswith("' [2Ja b x")


def test_a_long_messages_remedy_is_still_there():
    message = str(ToolkitError(f"{'x' * 1000} is wrong. Choose another."))
    assert message.endswith("x is wrong. Choose another.")


def test_what_unpacks_without_end_is_refused(tmp_path):
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(10_000)))
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a.csv", "b.csv"):
            archive.writestr(name, bytes(5_000))
    for read in (
        lambda most: read_unpacked(tmp_path / "bomb.gz", most),
        lambda most: read_archive(tmp_path / "bomb.zip", "", most),
    ):
        assert read(10_000)
        with pytest.raises(ToolkitError, match="unpacks to more than"):
            read(9_999)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damaged_archives_are_refused_however_they_are_packed(tmp_path, method):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("a.csv", os.urandom(500))
    whole = path.read_bytes()
    assert len(read_archive(path, ".csv", 1000)["a.csv"]) == 500
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        with contextlib.suppress(ToolkitError):
            read_archive(path, ".csv", 1000)


@given(content=altered({"name": "a", "classes": ["a", "b"]}) | damaged(b'{"name": "a", "classes": ["a", "b"]}'))
def test_json_is_taken_with_its_types_or_refused(content, tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    with at_most_one_line():
        card = read_json(path, Card)
        assert isinstance(card.name, str)
        assert all(isinstance(name, str) for name in card.classes)


@given(text=st.text(alphabet=st.characters(codec=None), max_size=500))
def test_whatever_a_message_says_it_is_one_line(text):
    with at_most_one_line():
        raise ToolkitError(text)
