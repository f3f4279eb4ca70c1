"""What every run left behind, as the page lists it: by an id, never by its path."""

import csv
import hashlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.doors import read_file
from toolkit.errors import ToolkitError
from toolkit.evaluation.records import ScoreRecord
from toolkit.paths import runs_folder
from toolkit.runs import read_json, read_record

PICTURES = (".png", ".jpg")
MOST = 200  # runs that are listed, the latest


@dataclass(frozen=True)
class PastRun:
    """A run's folder."""

    folder: Path

    @property
    def id(self) -> str:
        return hashlib.sha256(str(self.folder).encode()).hexdigest()[:16]

    def pictures(self) -> dict[str, Path]:
        """The pictures in it, by name."""
        paths = sorted(path for path in self.folder.iterdir() if path.suffix in PICTURES and path.name[0] != ".")
        return {path.name: path for path in paths}

    def summary(self) -> dict[str, Any]:
        """What a table of runs shows; a ``ToolkitError`` where its record is damaged."""
        record = read_record(self.folder)
        scores: dict[str, Any] = {}
        with suppress(ToolkitError):  # not every recipe scores something
            scores = read_json(self.folder, "scores.json", dict[str, ScoreRecord])
        options = {key: value for key, value in record["options"].items() if isinstance(value, str | int | float)}
        kept = {key: record.get(key) for key in ("recipe", "status", "date")}
        return {"id": self.id, **kept, "options": options, "scores": scores, "pictures": list(self.pictures())}

    def details(self) -> dict[str, Any]:
        """That, and the numbers behind its curves as far as there are any yet."""
        history: list[dict[str, str]] = []
        rates: dict[str, Any] = {}
        with suppress(ToolkitError, csv.Error):
            lines = read_file(self.folder / "history.csv").decode(errors="replace").splitlines()
            history = list(csv.DictReader(lines, restkey="more"))
        with suppress(ToolkitError):
            rates = read_json(self.folder, "lr_find.json")
        return {**self.summary(), "history": history, "lr_find": rates}


def past_runs(recipe: str = "*") -> list[PastRun]:
    """All runs, the latest first."""
    runs = [PastRun(path.parent) for path in runs_folder().glob(f"{recipe}/*/run.json")]
    return sorted(runs, key=lambda run: run.folder.name, reverse=True)


def summaries() -> list[dict[str, Any]]:
    """The latest runs whose records are not damaged."""
    listed = []
    for run in past_runs()[:MOST]:
        with suppress(ToolkitError, OSError):  # somebody may remove one at this moment
            listed.append(run.summary())
    return listed
