"""A run's folder: what was asked, what came out, and how it ended."""

import csv
import hashlib
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from typing_extensions import NotRequired, TypedDict

from toolkit import doors
from toolkit.errors import ToolkitError
from toolkit.paths import STATE, atomic_write, locked, make_folder, runs_folder, source_sha256, sweep, write_file
from toolkit.ranks import rank, world_size

PAGE_JOB = "TOOLKIT_JOB"  # in the environment of the page's commands: the name by which it finds their runs
PACKAGES = ("torch", "fastai", "timm", "numpy", "opencv-python-headless", "pillow", "scikit-learn")


class Record(TypedDict):
    """What every ``run.json`` says; a recipe's own facts stand beside it."""

    __pydantic_config__ = {"extra": "allow"}  # type: ignore[misc]  # noqa: RUF012

    recipe: str
    status: str
    date: str
    options: dict[str, Any]
    seconds: NotRequired[float]


@dataclass
class Run:
    """An open run. ``options`` holds what was really used: put values there that a default left open."""

    recipe: str
    folder: Path
    date: str
    options: dict[str, Any]
    facts: dict[str, Any] = field(default_factory=dict)
    since: float = 0.0  # seconds since 1970: what was left before does not count (``--fresh``)

    def write_json(self, name: str, content: object) -> None:
        """Write ``content`` into the run's folder."""
        write_file(self.folder / name, json.dumps(content, indent=1, default=str) + "\n")

    def write_csv(self, name: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Write ``rows``, which share their keys, into the run's folder."""
        with atomic_write(self.folder / name) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


@contextmanager
def start_run(recipe_file: str, options: Mapping[str, Any], together: bool = False) -> Iterator[Run]:
    """Open ``runs/<recipe>/<time>/`` for a recipe, given its ``__file__`` and the options of its ``run``.

    ``run.json`` says at once that it is running and in the end how it ended: finished, interrupted or
    failed, with the reason. Where the same command left an unfinished training, its folder is opened again, unless
    the option ``fresh`` is true. Raises ``ToolkitError`` while the same command is running, and on several ranks
    unless they work ``together``: then the first has the folder, and the others print nothing.
    """
    recipe = Path(recipe_file).stem
    asked = {name: _whole(value) for name, value in options.items() if name != "fresh"}
    if world_size() > 1 and not together:
        raise ToolkitError(f"{recipe} runs as one process, not as {world_size()}. Start it without torchrun.")
    if rank():
        with redirect_stdout(None):
            yield Run(recipe, Path(os.devnull), "", asked)
        return
    said = json.dumps([recipe, asked, version_of("torch"), source_sha256(Path(recipe_file))], default=str)
    command = hashlib.sha256(said.encode()).hexdigest()[:20]
    _tidy()
    with locked(make_folder(runs_folder() / recipe) / f"{command}.lock") as free:
        before = [(folder, record) for folder, record in past_records(recipe) if record.get("command") == command]
        folder, last = before[0] if before else (None, {})
        if not free:
            running = last.get("status") == "running"
            where = f"process {last.get('process')} in {folder}" if running else "and has just begun"
            raise ToolkitError(
                f"The same command is running already, {where}. Wait for it; or end it and repeat the command, which "
                "goes on where it stopped; or change an option, such as --seed."
            )
        started, fresh = datetime.now(), bool(options.get("fresh"))
        if fresh or not folder or last["status"] == "finished" or not (folder / STATE).is_dir():
            for earlier, _ in before:  # from which nobody goes on any more
                shutil.rmtree(earlier / STATE, ignore_errors=True)
            folder, last = _new_folder(runs_folder() / recipe, started), {}
        since = started.timestamp() if fresh else 0.0
        facts = {"world_size": world_size()} if together else {}
        run = Run(recipe, folder, started.isoformat(sep=" ", timespec="seconds"), asked, facts, since)
        with _recorded(run, command, last.get("seconds", 0.0)):
            yield run


def _whole(value: Any) -> Any:
    """An option that means the same from every folder: its paths are whole."""
    if isinstance(value, list | tuple):
        return [_whole(one) for one in value]
    return value.absolute() if isinstance(value, Path) else value


@contextmanager
def _recorded(run: Run, command: str, spent: float) -> Iterator[None]:
    """Keep ``run.json`` from the beginning to the end, of a run on which so many seconds were ``spent`` before."""
    clock = time.perf_counter() - spent

    def write(status: str) -> None:
        record = {
            "recipe": run.recipe,
            "status": status,
            "command": command,
            "process": os.getpid(),
            "page_job": os.environ.get(PAGE_JOB),
            "date": run.date,
            "seconds": round(time.perf_counter() - clock, 2),
            "options": {name: _whole(value) for name, value in run.options.items()},
            **run.facts,
            "versions": versions(),
            "machine": machine(),
        }
        run.write_json("run.json", record)

    write("running")
    try:
        yield
    except (KeyboardInterrupt, GeneratorExit):  # the latter where a second Ctrl-C cut off what the first had begun
        write("interrupted")
        raise
    except BaseException as error:
        write(f"failed: {error}")
        raise
    write("finished")
    shutil.rmtree(run.folder / STATE, ignore_errors=True)


def past_runs(recipe: str = "*") -> list[Path]:
    """The folders of all runs, the latest first."""
    folders = [path.parent for path in runs_folder().glob(f"{recipe}/*/run.json")]
    return sorted(folders, key=lambda folder: folder.name, reverse=True)


def past_records(recipe: str = "*", report: bool = False) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The same with their records; damaged ones are passed over."""
    for folder in past_runs(recipe):
        try:
            yield folder, read_record(folder)
        except ToolkitError as error:
            if report:
                print(f"Passed over: {error}", file=sys.stderr)


def _tidy() -> None:
    """Runs whose process is gone become interrupted ones; temporary files of such processes go."""
    for folder, record in past_records():
        if record["status"] == "running":
            with locked(folder.parent / f"{record.get('command')}.lock") as free:
                if free:
                    ended = {**record, "status": "interrupted", "reason": "its process is gone"}
                    Run(record["recipe"], folder, "", {}).write_json("run.json", ended)
    sweep(runs_folder())


def find_run(recipe: str, **wanted: Any) -> Path | None:
    """The folder of a recipe's latest finished run with these options and facts, if there is one."""
    for folder, record in past_records(recipe, report=True):
        said = {**record["options"], **record}
        if record["status"] == "finished" and all(said.get(name) == value for name, value in wanted.items()):
            return folder
    return None


def latest_run(recipe: str, **options: Any) -> Path:
    """The folder of a recipe's latest finished run with these options; a ``ToolkitError`` if there is none."""
    if folder := find_run(recipe, **options):
        return folder
    wanted = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in options.items())
    raise ToolkitError(
        f"There is no finished run of {recipe} {wanted} in {runs_folder()}. "
        f"Make one: python -m toolkit recipe {recipe} {wanted}"
    )


def read_record(folder: Path) -> dict[str, Any]:
    """A run's ``run.json``."""
    return dict(read_json(folder, "run.json", Record))


def read_json(folder: Path, name: str, kind: Any = dict[str, Any]) -> Any:
    """A file that a run left; a ``ToolkitError`` where it is missing or damaged."""
    if not (folder / name).is_file():
        raise ToolkitError(f"{folder} is not a run's folder: it has no {name}. Name one under {runs_folder()}.")
    return doors.read_json(folder / name, kind)


def versions() -> dict[str, str]:
    """The versions that a result may depend on."""
    return {"python": platform.python_version(), **{name: version_of(name) for name in PACKAGES}}


def version_of(package: str) -> str:
    """The version of a package; "not installed" where it is not."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def machine() -> dict[str, object]:
    """The hardware that a time depends on."""
    import torch

    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": torch.cpu.get_capabilities().get("cpu_name", platform.processor()),
        "threads": torch.get_num_threads(),
        **({"gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}),
    }


def _new_folder(parent: Path, started: datetime) -> Path:
    """A folder named after the time, told apart from another run of the same second by a number."""
    folder, attempt = parent / started.strftime("%Y-%m-%d_%H-%M-%S"), 1
    while True:
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            attempt += 1
            folder = folder.with_suffix(f".{attempt}")
