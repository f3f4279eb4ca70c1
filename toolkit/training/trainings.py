"""Trainings from scratch by plain SGD: one, or many at once that resume where they stopped."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from toolkit.data.loaders import make_loaders
from toolkit.data.parts import Parts
from toolkit.models import build_model
from toolkit.paths import STATE
from toolkit.training.fit import make_learner
from toolkit.training.history import Epoch
from toolkit.training.plain_sgd import fit_plain_sgd
from toolkit.training.seeds import seed_everything
from toolkit.training.state import SavedState
from toolkit.training.sweeps import Job, run_jobs


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
    setting: Setting,
    seed: int,
    parts: Parts,
    device: torch.device,
    show_progress: bool = True,
    saved: SavedState | None = None,
) -> tuple[nn.Module, Outcome]:
    """Train a new network on ``parts.training``, validating on ``parts.validation``; ``saved`` as in ``fit``."""
    seed_everything(seed)
    network = build_model(setting.architecture, **setting.arguments).to(device)
    loaders = make_loaders(parts.training, parts.validation, setting.batch_size, seed, device)
    learner = make_learner(network, loaders)
    rate, epochs, decay = setting.learning_rate, setting.epochs, setting.decay
    history, complaint = fit_plain_sgd(learner, epochs, rate, decay, show_progress, saved)
    return network, Outcome(setting, seed, tuple(history), complaint)


def train_all(
    settings: Sequence[Setting],
    seeds: Sequence[int],
    parts: Parts,
    device: torch.device,
    folder: Path,
    processes: int | None = None,
    since: float = 0.0,
    cluster: str | None = None,
) -> list[list[Outcome]]:
    """For every setting its outcomes by seed; what ``folder`` already holds ``since`` then is not trained again.

    On the CPU they run side by side: two small networks on a core each take less time than in turn on both.
    """
    data = {"data": parts.digest, "device": device.type}
    jobs = [{"setting": asdict(setting), "seed": seed, **data} for setting in settings for seed in seeds]
    alone = 1 if device.type != "cpu" and not cluster else processes
    results = iter(run_jobs(partial(_train_job, parts), jobs, folder, "trainings", alone, since, cluster))
    return [[_as_outcome(setting, next(results)) for _ in seeds] for setting in settings]


def _train_job(parts: Parts, job: Job, place: Path) -> dict[str, Any]:
    setting, device = Setting(**job["setting"]), torch.device(job["device"])
    saved = SavedState(place / STATE, job)
    outcome = train(setting, job["seed"], parts, device, show_progress=False, saved=saved)[1]
    return {"history": [asdict(row) for row in outcome.history], "complaint": outcome.complaint}


def _as_outcome(setting: Setting, record: Mapping[str, Any]) -> Outcome:
    history = tuple(Epoch(**row) for row in record["history"])
    return Outcome(setting, record["job"]["seed"], history, record["complaint"])
