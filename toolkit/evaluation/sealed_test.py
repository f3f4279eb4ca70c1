"""Test Set stays sealed until a final evaluation, and every opening is written down."""

import json
from datetime import datetime
from pathlib import Path

from toolkit.data.image_sets import read_test_set
from toolkit.data.labelled_images import LabelledImages
from toolkit.doors import read_file
from toolkit.errors import ToolkitError
from toolkit.paths import make_folder, runs_folder

EVALUATION_RECIPES = ("evaluate_models",)
LOG = "test_set_openings.jsonl"
DAMAGED = {"time": "", "recipe": "", "n": 0, "data_sha256": ""}
MNIST_LOG = "mnist_test_openings.jsonl"


def open_test_set(recipe: str, folder: Path | None = None) -> LabelledImages:
    """Test Set below ``folder``, for a recipe that only evaluates; the opening is logged.

    Raises ``ToolkitError`` for every other recipe: a test set that helped to decide anything no longer tests.
    """
    if recipe not in EVALUATION_RECIPES:
        raise ToolkitError(
            f"The recipe '{recipe}' may not open Test Set: only {', '.join(EVALUATION_RECIPES)} may. "
            "Decide on Validation Set."
        )
    digits = read_test_set(folder)
    _log(LOG, recipe=recipe, n=len(digits))
    return digits


def openings(log: str = LOG) -> list[dict[str, object]]:
    """Every opening so far, oldest first; a line that a crash cut short, or that is no entry, still counts as one."""
    path = runs_folder() / log
    lines = read_file(path).decode(errors="replace").splitlines() if path.exists() else []
    return [_entry(line) for line in lines if line.strip()]


def _entry(line: str) -> dict[str, object]:
    try:
        return {**DAMAGED, **json.loads(line)}
    except (ValueError, TypeError, RecursionError):
        return DAMAGED


def log_mnist_opening(recipe: str, data_sha256: str, n: int) -> int:
    """Write down that the test part of the divided MNIST was scored; returns how often that was so by now."""
    _log(MNIST_LOG, recipe=recipe, n=n, data_sha256=data_sha256)
    return sum(entry["data_sha256"] == data_sha256 for entry in openings(MNIST_LOG))


def _log(log: str, **entry: object) -> None:
    path = make_folder(runs_folder()) / log
    try:
        with path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"time": datetime.now().isoformat(timespec="seconds"), **entry}) + "\n")
    except OSError as error:
        raise ToolkitError(f"The opening cannot be logged in {path}: {error.strerror}. Make it writable.") from error
