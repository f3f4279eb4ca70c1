"""Trainings from scratch by plain SGD: one, or many at once that resume where they stopped."""

import hashlib
import json
import multiprocessing
import statistics
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn

from toolkit.data.loaders import make_loaders
from toolkit.data.parts import Parts
from toolkit.errors import ToolkitError
from toolkit.models import build_model
from toolkit.paths import atomic_write
from toolkit.training.fit import Epoch, make_learner
from toolkit.training.plain_sgd import fit_plain_sgd
from toolkit.training.seeds import seed_everything
from toolkit.training.worker import prepare, train_alone

MOST_PROCESSES = 4  # each holds Python, torch and the images: about 450 MB


@dataclass(frozen=True)
class Setting:
    """What decides, together with the data and the seed, how a training ends."""

    architecture: str
    arguments: dict[str, Any]
    learning_rate: float
    batch_size: int
    epochs: int
    decay: float = 1.0  # factor on the rate after every epoch


@dataclass(frozen=True)
class Outcome:
    """What one training left: its history and, if it ended early, why."""

    setting: Setting
    seed: int
    history: tuple[Epoch, ...]
    complaint: str

    @property
    def accuracy(self) -> float:
        """On the validation images after the last epoch; 0 for a training that diverged."""
        return 0.0 if self.complaint else self.history[-1].validation_accuracy

    @property
    def seconds_per_epoch(self) -> float:
        """The median, validation included; ``nan`` if no epoch was completed."""
        return statistics.median(row.seconds for row in self.history) if self.history else float("nan")


def train(
    setting: Setting, seed: int, parts: Parts, device: torch.device, show_progress: bool = True
) -> tuple[nn.Module, Outcome]:
    """Train a new network on ``parts.training``, validating on ``parts.validation``."""
    seed_everything(seed)
    network = build_model(setting.architecture, **setting.arguments).to(device)
    loaders = make_loaders(parts.training, parts.validation, setting.batch_size, seed, device)
    learner = make_learner(network, loaders)
    history, complaint = fit_plain_sgd(learner, setting.epochs, setting.learning_rate, setting.decay, show_progress)
    return network, Outcome(setting, seed, tuple(history), complaint)


@dataclass(frozen=True)
class Trainings:
    """Where the outcomes of many trainings are kept, one small file for each, and what they are made with."""

    folder: Path
    parts: Parts
    device: torch.device
    processes: int

    def outcomes(self, settings: Sequence[Setting], seeds: Sequence[int]) -> list[list[Outcome]]:
        """For every setting its outcomes by seed; only what has no file yet is trained.

        On the CPU the trainings run side by side, each on one core: two small networks on a core each take less
        time than one after the other on both. Raises ``ToolkitError`` when a process dies.
        """
        jobs = [(setting, seed) for setting in settings for seed in seeds]
        missing = {self._file(*job): job for job in jobs if self._read(*job) is None}
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        console = Console(stderr=True)
        with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
            task = bar.add_task("trainings", total=len(jobs), completed=len(jobs) - len(missing))
            for outcome in self._train(list(missing.values())):
                self._write(outcome)
                bar.advance(task)
        found = {self._file(*job): self._read(*job) for job in jobs}
        by_setting = [[found[self._file(setting, seed)] for seed in seeds] for setting in settings]
        return [[outcome for outcome in group if outcome] for group in by_setting]

    def _train(self, jobs: list[tuple[Setting, int]]) -> Iterator[Outcome]:
        processes = min(self.processes, len(jobs))
        if processes <= 1 or self.device.type != "cpu":
            for setting, seed in jobs:
                yield train(setting, seed, self.parts, self.device, show_progress=False)[1]
            return
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(processes, context, prepare, (self.parts,)) as pool:
            futures: list[Future[Outcome]] = [pool.submit(train_alone, *job) for job in jobs]
            try:
                for future in as_completed(futures):
                    yield future.result()
            except BrokenProcessPool as error:
                raise ToolkitError(
                    "A training's process was ended from outside, perhaps for want of memory. Finished trainings "
                    "are kept: repeat the command, with --processes 1 if need be."
                ) from error
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _file(self, setting: Setting, seed: int) -> Path:
        decisive = [asdict(setting), seed, self.parts.digest, torch.__version__, self.device.type]
        digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()
        return self.folder / f"{setting.architecture}_{digest[:20]}.json"

    def _read(self, setting: Setting, seed: int) -> Outcome | None:
        try:
            record = json.loads(self._file(setting, seed).read_text())
            history = tuple(Epoch(**row) for row in record["history"])
            return Outcome(setting, record["seed"], history, record["complaint"])
        except (OSError, ValueError, TypeError, KeyError):
            return None  # not there or damaged: trained again

    def _write(self, outcome: Outcome) -> None:
        with atomic_write(self._file(outcome.setting, outcome.seed)) as temporary:
            temporary.write_text(json.dumps(asdict(outcome), indent=1) + "\n")


def choose_processes(asked: int | None) -> int:
    """How many trainings run side by side: as ``asked``, or as many as torch would use cores, four at most."""
    if asked is not None and asked < 1:
        raise ToolkitError(f"{asked} processes train nothing. Choose 1 or more.")
    return asked or min(MOST_PROCESSES, torch.get_num_threads())
