import hashlib
import io
import subprocess
import tarfile

import pytest

from toolkit.data.npm import fetch_from_npm
from toolkit.errors import ToolkitError

FILES = {"dist/a.js": b"alert(1)", "b.wasm": b"\0asm"}
SHA256 = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}


@pytest.fixture
def npm(monkeypatch):
    """npm that packs the files the test gives it; returns the commands it got."""
    commands = []

    def packs(files):
        def run(command, cwd, **_):
            commands.append(command)
            with tarfile.open(f"{cwd}/some-1.0.0.tgz", "w:gz") as package:
                for name, content in files.items():
                    entry = tarfile.TarInfo(f"package/{name}")
                    entry.size = len(content)
                    package.addfile(entry, io.BytesIO(content))

        monkeypatch.setattr("shutil.which", lambda _: "npm")
        monkeypatch.setattr("subprocess.run", run)
        return commands

    return packs


def test_the_named_files_are_read(npm):
    commands = npm({**FILES, "other": b"more"})
    assert fetch_from_npm("some@1.0.0", SHA256) == FILES
    assert commands[0][:3] == ["npm", "pack", "some@1.0.0"]


def test_another_file_than_expected_is_refused(npm):
    npm({**FILES, "b.wasm": b"\0asm2"})
    with pytest.raises(ToolkitError, match=r"b\.wasm of npm's some@1\.0\.0 is not the expected file"):
        fetch_from_npm("some@1.0.0", SHA256)


def test_a_file_that_is_missing_is_refused(npm):
    npm({"b.wasm": FILES["b.wasm"]})
    with pytest.raises(ToolkitError, match=r"did not deliver some@1\.0\.0"):
        fetch_from_npm("some@1.0.0", SHA256)


def test_without_npm_one_line_says_where_to_get_it(no_network):
    with pytest.raises(ToolkitError, match=r"npm, which is not installed\. Install Node\.js"):
        fetch_from_npm("some@1.0.0", SHA256)


def test_without_a_network_npms_own_words_are_passed_on(monkeypatch):
    def fail(command, **_):
        raise subprocess.CalledProcessError(1, command, stderr=b"npm error code ENOTFOUND\nnpm error no registry\n")

    monkeypatch.setattr("shutil.which", lambda _: "npm")
    monkeypatch.setattr("subprocess.run", fail)
    with pytest.raises(ToolkitError, match=r"did not deliver some@1\.0\.0: code ENOTFOUND no registry"):
        fetch_from_npm("some@1.0.0", SHA256)


def test_npm_that_leaves_nothing_is_one_line(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda _: "npm")
    monkeypatch.setattr("subprocess.run", lambda *_, **__: None)
    with pytest.raises(ToolkitError, match="did not deliver"):
        fetch_from_npm("some@1.0.0", SHA256)
