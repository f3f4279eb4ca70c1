import errno
import os
from pathlib import Path

import pytest

from toolkit.errors import ToolkitError
from toolkit.paths import atomic_write, write_file


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with atomic_write(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
    assert path.read_text() == "half"
    assert list(path.parent.iterdir()) == [path]


def test_after_an_error_the_old_content_stays(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write_half():
        with atomic_write(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_said_in_one_line(tmp_path):
    with pytest.raises(ToolkitError, match="No space left"), atomic_write(tmp_path / "a.txt"):
        raise OSError(28, "No space left on device")


def test_files_are_as_readable_as_others(tmp_path):
    (tmp_path / "plain").write_text("")
    with atomic_write(tmp_path / "atomic"):
        pass
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_file_in_the_way_of_a_folder_is_said(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(ToolkitError, match="Choose another place"), atomic_write(tmp_path / "a" / "b.txt"):
        pass


def test_what_is_synced_is_opened_for_writing(tmp_path, monkeypatch):
    opened, sync, writable = os.open, os.fsync, set()

    def open_noting(path, flags, *rest):
        handle = opened(path, flags, *rest)
        if flags & os.O_RDWR or Path(path).is_dir():
            writable.add(handle)
        return handle

    def sync_as_windows(handle):
        if handle not in writable:
            raise OSError(errno.EBADF, "Bad file descriptor")
        sync(handle)

    monkeypatch.setattr(os, "open", open_noting)
    monkeypatch.setattr(os, "fsync", sync_as_windows)
    write_file(tmp_path / "a.txt", "a")
