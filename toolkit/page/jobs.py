"""Long work: commands of the toolkit in processes of their own, which no closing browser ends."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.doors import read_file
from toolkit.errors import ToolkitError
from toolkit.models.bundle import published_models
from toolkit.page.past_runs import past_runs
from toolkit.paths import RECIPES, ROOT, make_folder
from toolkit.recipes import Recipe, read_recipe

OFFERED = {  # recipes by the step of the page that offers them; find_lr draws the curve before training
    "train": ("finetune_last_layer", "finetune_two_layers", "finetune_all_layers", "find_lr"),
    "look": ("tune_finetuning", "compare_layers"),
    "home": ("assignment_4", "evaluate_models", "report", "hand_in"),
}
NOT_OFFERED = {"device", "data"}  # nor what names a file: no path comes from the browser
ENDED = {0: "finished", 130: "stopped", 143: "stopped", -15: "stopped"}  # the last before it could say so itself
MOST = 2  # at once: they share the cores
LONGEST = 300  # letters of a value
SHOWN = 4000  # bytes of what a command has said


@dataclass
class Job:
    """A command that runs or ran; ``out`` is the one file it makes, if it makes one to take home."""

    words: tuple[str, ...]
    log: Path
    process: subprocess.Popen[bytes]
    out: Path | None = None
    run: str | None = None
    name: str = field(default_factory=lambda: secrets.token_hex(8))
    started: float = field(default_factory=time.monotonic)
    seconds: float = 0.0

    @property
    def running(self) -> bool:
        if running := self.process.poll() is None:
            self.seconds = time.monotonic() - self.started
        return running

    def record(self) -> dict[str, Any]:
        """What the page shows of it."""
        said = read_file(self.log)[-SHOWN:].decode(errors="replace")
        ended = "running" if self.running else ENDED.get(self.process.returncode, "failed")
        return {
            "name": self.name,
            "recipe": self.words[self.words[0] == "recipe"],
            "command": " ".join(["python -m toolkit", *(f'"{word}"' if " " in word else word for word in self.words)]),
            "status": ended,
            "said": said,
            "seconds": round(self.seconds, 1),
            "run": self._run(),
            "file": bool(self.out and self.out.is_file() and not self.running),
        }

    def _run(self) -> str | None:
        """The id of the run that it opened, once it has."""
        if self.words[0] == "recipe" and not self.run:
            for run in past_runs(self.words[1]):
                with suppress(ToolkitError):
                    if run.summary()["process"] == self.process.pid:
                        self.run = run.id
                        break
        return self.run


def offered(name: str) -> Recipe:
    """One of the recipes that the page offers, with those of its options that a browser may set."""
    if not any(name in names for names in OFFERED.values()):
        raise ToolkitError(f"The page does not offer '{name[:40]}'. Use the command line.")
    recipe = read_recipe(RECIPES / f"{name}.py")
    options = [o for o in recipe.options if o.name not in NOT_OFFERED and Path not in _kinds(o.annotation)]
    return Recipe(recipe.name, recipe.docstring, tuple(options))


def _kinds(annotation: Any) -> tuple[Any, ...]:
    return getattr(annotation, "__args__", (annotation,))


def form(recipe: Recipe) -> dict[str, Any]:
    """What the page needs to ask for a recipe's options: their names, kinds, defaults and help."""
    return {
        "summary": recipe.summary,
        "options": [
            {"name": o.name, "kind": _kinds(o.annotation)[0].__name__, "default": o.default, "help": o.help}
            for o in recipe.options
        ],
    }


def words_for(name: str, values: Mapping[str, Any], digits: Path | None) -> tuple[str, ...]:
    """The command line of a recipe; ``values`` come from the browser, ``digits`` from who started the page."""
    recipe = offered(name)
    known = {option.name: option for option in recipe.options}
    words = ["recipe", name]
    for key, value in values.items():
        text = str(value)
        if key not in known or len(text) > LONGEST or not text.isprintable():
            raise ToolkitError(f"{name} takes no option '{key[:40]}' of this value. Choose what the page shows.")
        if key == "model" and text not in published_models():
            raise ToolkitError(f"There is no published model '{text[:40]}'. Choose one the page shows.")
        option = "--" + key.replace("_", "-")
        if bool in _kinds(known[key].annotation):
            words += [option] if value is True else []
        elif text:
            words.append(f"{option}={text}")
    if digits and any(option.name == "digits" for option in read_recipe(RECIPES / f"{name}.py").options):
        words.append(f"--digits={digits}")
    return tuple(words)


class Jobs:
    """All commands that this page has started, which end with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known: dict[str, Job] = {}

    def start(self, words: tuple[str, ...], out: Path | None = None) -> Job:
        """Start ``python -m toolkit WORDS``; a ``ToolkitError`` while ``MOST`` are running."""
        if sum(job.running for job in self.known.values()) >= MOST:
            raise ToolkitError(f"{MOST} commands are running. Wait for one, or stop one.")
        log = make_folder(self.folder) / f"{secrets.token_hex(8)}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "toolkit", *words],
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "100"},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the page's terminal reaches it through ``close`` alone
            )
        job = Job(words, log, process, out)
        self.known[job.name] = job
        return job

    def close(self) -> None:
        """End what is running, as Ctrl-C would: the same command goes on where it stopped."""
        for job in self.known.values():
            if job.running:
                job.process.terminate()
        for job in self.known.values():
            job.process.wait()
