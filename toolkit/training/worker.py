"""A process that trains on one core. It imports little by itself, so that it is ready to be quiet first."""

import signal
import warnings
from typing import TYPE_CHECKING

from toolkit.data.parts import Parts

if TYPE_CHECKING:
    from toolkit.training.trainings import Outcome, Setting

_parts: Parts  # this process's data


def prepare(parts: Parts) -> None:
    """Keep the data, so that they are sent once and not with every training."""
    global _parts
    _parts = parts
    warnings.filterwarnings("ignore", message="`torch.jit", category=FutureWarning)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a traceback


def train_alone(setting: "Setting", seed: int) -> "Outcome":
    """One training on one core, quietly."""
    import torch

    from toolkit.training.trainings import train

    torch.set_num_threads(1)
    return train(setting, seed, _parts, torch.device("cpu"), show_progress=False)[1]
