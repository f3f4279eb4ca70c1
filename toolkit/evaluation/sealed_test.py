"""Test Set stays sealed until a final evaluation, and every opening is written down."""

import json
from datetime import datetime
from pathlib import Path

from toolkit.data.digit_folders import read_test_set
from toolkit.data.labelled_images import LabelledImages
from toolkit.errors import ToolkitError
from toolkit.paths import make_folder, runs_folder

EVALUATION_RECIPES = ("evaluate_models",)
LOG = "test_set_openings.jsonl"


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
    entry = {"time": datetime.now().isoformat(timespec="seconds"), "recipe": recipe, "n": len(digits)}
    log = make_folder(runs_folder()) / LOG
    try:
        with log.open("a") as stream:
            stream.write(json.dumps(entry) + "\n")
    except OSError as error:
        raise ToolkitError(f"The opening cannot be logged in {log}: {error.strerror}. Make it writable.") from error
    return digits


def openings() -> list[dict[str, object]]:
    """Every opening so far, oldest first."""
    log = runs_folder() / LOG
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
