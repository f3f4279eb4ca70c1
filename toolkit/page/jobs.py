"""Long work: commands of the toolkit in processes of their own, which no closing browser ends."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.errors import ToolkitError
from toolkit.models.bundle import published_models
from toolkit.page.past_runs import run_id
from toolkit.paths import RECIPES, ROOT, cache_folder, make_folder, own_name, runs_folder
from toolkit.recipes import Option, Recipe, read_recipe
from toolkit.runs import PAGE_JOB, past_records

OFFERED = {  # recipes by the step of the page that offers them; find_lr draws the curve before training
    "train": ("finetune_last_layer", "finetune_two_layers", "finetune_all_layers", "find_lr"),
    "look": ("tune_finetuning", "compare_layers"),
    "home": ("assignment_4", "evaluate_models", "report", "hand_in"),
}
NOT_OFFERED = {"device", "data"}  # nor what names a file: no path comes from the browser
ENDED = {0: "finished", 130: "stopped", 143: "stopped", -15: "stopped"}  # the last before it could say so itself
MOST = 2  # at once: they share the cores
REMEMBERED = 30  # commands
LONGEST = 300  # letters of a value
SHOWN = 4000  # bytes of what a command has said
PATIENCE = 20  # seconds that a command has to end


@dataclass
class Job:
    """A command that runs or ran; ``folder`` has what it says, and ``makes``, the one file to take home, if any."""

    name: str
    words: tuple[str, ...]
    folder: Path
    process: subprocess.Popen[bytes]
    started: float  # seconds since 1970
    makes: str = ""
    run: str | None = None
    stopped: bool = False  # from here

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> None:
        """End it as Ctrl-C would, where the system knows of that: the same command goes on where it stopped."""
        self.stopped = True
        self.process.terminate()

    def files(self) -> dict[str, Path]:
        """What it made to take home, by name."""
        made = self.folder / self.makes
        return {self.makes: made} if self.makes and not self.running and made.is_file() else {}

    def record(self) -> dict[str, Any]:
        """What the page shows of it."""
        running, otherwise = self.running, "stopped" if self.stopped else "failed"
        with (self.folder / "log").open("rb") as stream:
            log = os.fstat(stream.fileno())
            stream.seek(max(0, log.st_size - SHOWN))
            said = stream.read().decode(errors="replace")
        return {
            "name": self.name,
            "recipe": self.words[self.words[0] == "recipe"],
            "command": " ".join(["python -m toolkit", *(f'"{word}"' if " " in word else word for word in self.words)]),
            "status": "running" if running else ENDED.get(self.process.returncode, otherwise),
            "said": said,
            "seconds": round(max(0.0, (time.time() if running else log.st_mtime) - self.started), 1),
            "run": self._run(),
            "file": next(iter(self.files()), ""),
        }

    def _run(self) -> str | None:
        """The id of the run that it opened, once it has."""
        if self.words[0] == "recipe" and not self.run:
            # in a virtual environment of Windows its process is another than the one that was started
            own = (folder for folder, record in past_records(self.words[1]) if record.get("page_job") == self.name)
            self.run = next(map(run_id, own), None)
        return self.run


def offered(name: str) -> Recipe:
    """One of the recipes that the page offers."""
    if not any(name in names for names in OFFERED.values()):
        raise ToolkitError(f"The page does not offer '{name[:40]}'. Use the command line.")
    return read_recipe(RECIPES / f"{name}.py")


def settable(recipe: Recipe) -> dict[str, tuple[Option, type]]:
    """The options that a browser may set, with the type of each."""
    kinds = [(o, getattr(o.annotation, "__args__", (o.annotation,))[0]) for o in recipe.options]
    return {o.name: (o, kind) for o, kind in kinds if o.name not in NOT_OFFERED and kind is not Path}


def form(name: str) -> dict[str, Any]:
    """What the page needs to ask for a recipe's options: their names, kinds, defaults and help."""
    recipe = offered(name)
    return {
        "summary": recipe.summary,
        "options": [
            {"name": option.name, "kind": kind.__name__, "default": option.default, "help": option.help}
            for option, kind in settable(recipe).values()
        ],
    }


def words_for(name: str, values: Mapping[str, str | bool], digits: Path | None) -> tuple[str, ...]:
    """The command line of a recipe; ``values`` come from the browser, ``digits`` from who started the page."""
    recipe = offered(name)
    known = settable(recipe)
    words = ["recipe", name]
    for key, value in values.items():
        text = str(value)
        if key not in known or len(text) > LONGEST or not text.isprintable():
            raise ToolkitError(f"{name} takes no option '{key[:40]}' of this value. Choose what the page shows.")
        if key == "model" and text not in published_models():
            raise ToolkitError(f"There is no published model '{text[:40]}'. Choose one the page shows.")
        option = "--" + key.replace("_", "-")
        if known[key][1] is bool:
            words += [option] if value is True else []
        elif text:
            words.append(f"{option}={text}")
    if digits and any(option.name == "digits" for option in recipe.options):
        words.append(f"--digits={digits}")
    return tuple(words)


class Jobs:
    """All commands that this page has started, which end with it; what they left in ``folder`` goes with them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known: dict[str, Job] = {}
        self.one_at_a_time = threading.Lock()

    def records(self) -> list[dict[str, Any]]:
        """What the page shows of all of them, the oldest first."""
        with self.one_at_a_time:
            return [job.record() for job in self.known.values()]

    def start(self, words: tuple[str, ...], makes: str = "") -> dict[str, Any]:
        """Start ``python -m toolkit WORDS``; a ``ToolkitError`` while ``MOST`` are running."""
        with self.one_at_a_time:
            if sum(job.running for job in self.known.values()) >= MOST:
                raise ToolkitError(f"{MOST} commands are running. Wait for one, or stop one.")
            for name in [name for name, job in self.known.items() if not job.running][: 1 - REMEMBERED]:
                shutil.rmtree(self.known.pop(name).folder, ignore_errors=True)
            name = own_name()
            folder = make_folder(self.folder / name)
            if makes:
                words += ("--out", str(folder / makes))
            own = {
                "TOOLKIT_RUNS": str(runs_folder()),
                "TOOLKIT_CACHE": str(cache_folder()),
                PAGE_JOB: name,
                "PYTHONUNBUFFERED": "1",
                "PYTHONIOENCODING": "utf-8",
                "COLUMNS": "100",
            }
            began = time.time()
            with (folder / "log").open("wb") as stream:
                process = subprocess.Popen(
                    [sys.executable, "-m", "toolkit", *words],
                    cwd=ROOT,
                    env={**os.environ, **own},
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C in the page's terminal reaches it through ``close`` alone
                )
            self.known[name] = Job(name, words, folder, process, began, makes)
            return self.known[name].record()

    def close(self) -> None:
        """End what is running."""
        for job in self.known.values():
            job.stop()
        for job in self.known.values():
            try:
                job.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:  # it hangs: it goes, and what it started
                if hasattr(os, "killpg"):
                    os.killpg(job.process.pid, signal.SIGKILL)
                job.process.kill()
                job.process.wait()
            shutil.rmtree(job.folder, ignore_errors=True)
