"""What several tests need: example digits, a small stand-in for MNIST, small published models."""

import gzip
import hashlib
import os
import sys
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings

from benchmarks.example_digits import writer_ink
from benchmarks.simulate import Camera, Paper, SimulatedSheet, save_photo, simulate_sheet
from toolkit.cli import main
from toolkit.data import mnist
from toolkit.data.image_sets import read_all_sets, save_sets
from toolkit.data.labelled_images import LabelledImages
from toolkit.experiments import finetuning, results
from toolkit.models import build_model
from toolkit.models.bundle import ModelCard, save_model
from toolkit.training import state
from toolkit.training.lr_finder import find_learning_rate
from toolkit.training.seeds import seed_everything
from toolkit.training.state import SavedState

# tests run side by side, a process on each core
cv2.setNumThreads(0)
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"  # of the commands they start, too
# the same examples every time, in no time that matters; a fixture's folder may serve many of them
settings.register_profile(
    "suite",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("suite")


def pytest_collection_modifyitems(items):
    """Ranks come first, as forks of a process that holds no threads yet; then what takes longest."""
    first = ("test_ranks.py", ("page/test_serving.py", "recipes/test_assignment_4.py"))
    items.sort(key=lambda item: [not item.path.as_posix().endswith(ends) for ends in first])


@pytest.fixture(autouse=True)
def isolated(tmp_path, monkeypatch):
    """No test sees or leaves runs and caches of the one who runs it."""
    monkeypatch.setenv("TOOLKIT_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def run(monkeypatch, capsys):
    """The command line in this process; returns exit status, output and error output."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["toolkit", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code or 0, *capsys.readouterr()

    return run


@pytest.fixture
def brief(monkeypatch):
    """Runs draw no pictures and their finder takes few steps: most of a short run's time, for tests of the rest."""
    make_brief(monkeypatch)


def make_brief(patch: pytest.MonkeyPatch) -> None:
    for module in (results, finetuning):
        patch.setattr(module, "save_figure", lambda figure, path: path)
    patch.setattr(finetuning, "find_learning_rate", partial(find_learning_rate, iterations=20))


@pytest.fixture
def cut_at_state(monkeypatch):
    """A training's state is saved after every epoch; Ctrl-C comes after as many of them as the test says."""
    written = SavedState.write
    left = []

    def write(saved, *state):
        written(saved, *state)
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt

    def cut(after, call):
        left[:] = [after]
        with pytest.raises(KeyboardInterrupt):
            call()
        left[:] = [0]

    monkeypatch.setattr(SavedState, "write", write)
    monkeypatch.setattr(state, "AT_LEAST", 0.0)
    monkeypatch.setattr(state, "SHARE", float("inf"))
    left[:] = [0]
    return cut


@pytest.fixture
def no_network(monkeypatch):
    """Every attempt to open an address or to run npm fails at once."""

    def refuse(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    monkeypatch.setattr("shutil.which", lambda _: None)


@pytest.fixture(scope="session")
def examples() -> dict[str, LabelledImages]:
    return read_all_sets()


@pytest.fixture
def digits(tmp_path, examples) -> Path:
    """A folder with three complete sets, the test's own to damage."""
    folder = tmp_path / "digits"
    save_sets(folder, examples)
    return folder


@pytest.fixture
def idx_files(tmp_path, monkeypatch, examples) -> Path:
    """A folder with four IDX files of example digits, whose sha256 pass for MNIST's."""
    folder = tmp_path / "idx"
    folder.mkdir()
    parts = {"train": examples["Training Set"], "t10k": examples["Validation Set"]}
    sha256 = {}
    for part, images in parts.items():
        for kind, array in (("images-idx3", images.images[:, 0]), ("labels-idx1", images.labels.astype(np.uint8))):
            name = f"{part}-{kind}-ubyte"
            content = idx_bytes(array)
            (folder / name).write_bytes(content)
            sha256[name] = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(mnist, "SHA256", {name: sha256[name] for name in mnist.SHA256})
    return folder


def idx_bytes(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.tobytes()


def compress(folder: Path) -> None:
    for path in list(folder.iterdir()):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()


@pytest.fixture
def small_model(tmp_path) -> Path:
    """The folder of a small published model, with weights as they were drawn."""
    seed_everything(0)
    folder = tmp_path / "small_mlp"
    network = build_model("mlp", hidden=(32, 16), dropout=0.2)
    card = ModelCard(
        name="small_mlp",
        architecture="mlp",
        arguments={"hidden": [32, 16], "dropout": 0.2},
        classes=list("0123456789"),
        scores={},
        recipe="none",
        options={},
        versions={},
    )
    save_model(folder, network, card)
    return folder


@pytest.fixture(scope="session")
def written_sheet() -> SimulatedSheet:
    """Ten rows of twelve digits, photographed from above in good light."""
    return simulate_sheet(writer_ink(3), camera=Camera(megapixels=1, noise=1.5), seed=1)


@cache
def simulate_note(*rows: str) -> SimulatedSheet:
    """A few rows on a small note: digits as large in its photo as the sheet's, at a fraction of the pixels."""
    return simulate_sheet(writer_ink(3), rows, Paper(size=(110, 140)), camera=Camera(megapixels=0.2, noise=1.5), seed=1)


@pytest.fixture(scope="session")
def written_note() -> SimulatedSheet:
    """Five rows of six digits."""
    return simulate_note("000000", "111111", "222222", "333333", "444444")


@pytest.fixture
def note_photo(tmp_path, written_note) -> Path:
    """That photo as a file."""
    photo = tmp_path / "note.jpg"
    save_photo(written_note, photo)
    return photo


@pytest.fixture
def sheet_photo(tmp_path, written_sheet) -> Path:
    """That photo as a file."""
    photo = tmp_path / "sheet.jpg"
    save_photo(written_sheet, photo)
    return photo


@pytest.fixture
def letters(digits) -> Path:
    """The same folder, its digits under other names: no published model knows these classes."""
    for folder in sorted(digits.glob("*/[0-9]")):
        folder.rename(folder.with_name("ABCDEFGHIJ"[int(folder.name)]))
    return digits
