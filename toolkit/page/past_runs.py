"""What every run left behind, as the page lists it: by an id, never by its path."""

import csv
import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from toolkit.doors import read_file
from toolkit.errors import ToolkitError
from toolkit.evaluation.records import ScoreRecord
from toolkit.runs import past_runs, read_json, read_record

PICTURES = (".png", ".jpg")
MOST = 200  # runs that are listed, the latest


def run_id(folder: Path) -> str:
    """What the page calls the run of this folder."""
    return hashlib.sha256(str(folder).encode()).hexdigest()[:16]


def pictures(folder: Path) -> dict[str, Path]:
    """The pictures of a run, by name."""
    paths = sorted(path for path in folder.iterdir() if path.suffix in PICTURES and path.name[0] != ".")
    return {path.name: path for path in paths}


def summary(folder: Path) -> dict[str, Any]:
    """What a table of runs shows of one; a ``ToolkitError`` where its record is damaged."""
    record = read_record(folder)
    scores: dict[str, Any] = {}
    with suppress(ToolkitError):  # not every recipe scores something
        scores = read_json(folder, "scores.json", dict[str, ScoreRecord])
    options = {key: value for key, value in record["options"].items() if isinstance(value, str | int | float)}
    kept = {key: record.get(key) for key in ("recipe", "status", "date")}
    return {"id": run_id(folder), **kept, "options": options, "scores": scores, "pictures": list(pictures(folder))}


def details(folder: Path) -> dict[str, Any]:
    """That, and the numbers behind its curves as far as there are any yet."""
    history: list[dict[str, str]] = []
    rates: dict[str, Any] = {}
    with suppress(ToolkitError, csv.Error):
        lines = read_file(folder / "history.csv").decode(errors="replace").splitlines()
        history = list(csv.DictReader(lines, restkey="more"))
    with suppress(ToolkitError):
        rates = read_json(folder, "lr_find.json")
    return {**summary(folder), "history": history, "lr_find": rates}


def summaries() -> list[dict[str, Any]]:
    """The latest runs whose records are not damaged."""
    listed = []
    for folder in past_runs()[:MOST]:
        with suppress(ToolkitError, OSError):  # somebody may remove one at this moment
            listed.append(summary(folder))
    return listed
