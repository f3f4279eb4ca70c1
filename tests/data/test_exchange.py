"""Interrupted at any file operation, an exchange of sets leaves the old three or the new three after the next call."""

import contextlib
import errno
import os
import shutil

import pytest

from toolkit.data.exchange import JOURNAL, exchange, finish_exchange, new_place
from toolkit.errors import ToolkitError

NAMES = ("A", "B", "C")
STEPS = ((os, "rename"), (os, "replace"), (os, "unlink"), (os, "rmdir"), (os, "mkdir"), (shutil, "copyfile"))


def make(folder, text):
    for name in NAMES:
        (folder / name / "0").mkdir(parents=True)
        (folder / name / "0" / "a.jpg").write_text(f"{text} {name}")


def read(folder):
    return {name: (folder / name / "0" / "a.jpg").read_text() for name in NAMES if (folder / name).exists()}


def said(text):
    return {name: f"{text} {name}" for name in NAMES}


def replace(folder, aside):
    with new_place(folder) as place:
        make(place, "new")
        exchange(folder, place, NAMES, aside)


def end_at(number, monkeypatch, happens):
    """Have the file operation of this number end in ``happens``; returns the count of those that began."""
    count = [0]

    def counted(original):
        def call(*arguments, **options):
            count[0] += 1
            if count[0] == number:
                happens()
            return original(*arguments, **options)

        return call

    for place, name in STEPS:
        monkeypatch.setattr(place, name, counted(getattr(place, name)))
    return count


@pytest.fixture(params=["one disk", "two disks"])
def sets(request, tmp_path, monkeypatch):
    make(tmp_path, "old")
    if request.param == "two disks":
        rename = os.rename

        def refused(source, target):
            if "old " in str(source):
                raise OSError(errno.EXDEV, "other device")
            rename(source, target)

        monkeypatch.setattr(os, "rename", refused)
    return tmp_path, tmp_path / "runs" / "aside"


def test_new_sets_take_the_place_of_the_old_ones(sets):
    folder, aside = sets
    replace(folder, aside)
    assert read(folder) == said("new")
    assert read(aside) == said("old")
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_killed_at_any_file_operation(sets, monkeypatch, capsys):
    """The process ends at once, as by SIGKILL, at its first file operation, its second, and so on."""
    folder, aside = sets
    number, begun = 0, True
    while begun:
        number += 1
        shutil.rmtree(folder)
        make(folder, "old")
        child = os.fork()
        if not child:
            with pytest.MonkeyPatch.context() as patch:
                end_at(number, patch, lambda: os._exit(9))
                replace(folder, aside)
            os._exit(0)
        begun = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
        finish_exchange(folder, NAMES)
        assert read(folder) in (said("old"), said("new")), number
        if read(folder) == said("new"):
            assert read(aside) == said("old"), number
        with new_place(folder):
            pass
        assert not [path for path in folder.iterdir() if path.name.startswith(".")], number
    assert number > 15


def test_a_full_disk_at_any_file_operation(sets, capsys):
    def full():
        raise OSError(errno.ENOSPC, "No space left on device")

    folder, aside = sets
    number, failed = 0, True
    while failed:
        number += 1
        shutil.rmtree(folder)
        make(folder, "old")
        with pytest.MonkeyPatch.context() as patch:
            count = end_at(number, patch, full)
            with contextlib.suppress(ToolkitError, OSError):
                replace(folder, aside)
            failed = count[0] >= number
        finish_exchange(folder, NAMES)
        assert read(folder) in (said("old"), said("new")), number
        assert read(folder) == said("old") or read(aside) == said("old"), number
    assert number > 15


def test_while_another_process_is_at_it_one_waits(sets):
    folder, aside = sets
    (folder / JOURNAL).write_text(f'{{"place": "x", "aside": "{aside}", "process": {os.getppid()}}}')
    with pytest.raises(ToolkitError, match="is exchanging the sets"):
        finish_exchange(folder, NAMES)
    assert read(folder) == said("old")
