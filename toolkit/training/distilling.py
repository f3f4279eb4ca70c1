"""Learning from networks that have learned.

Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", 2015.
"""

from collections.abc import Sequence

import torch
from fastai.callback.core import Callback
from torch import nn
from torch.nn import functional

from toolkit.errors import ToolkitError
from toolkit.models.averaged import load_averaged
from toolkit.training.history import freely_named


@freely_named
class LearnFrom(Callback):
    """Half of the target is what ``teacher`` says of the same distorted image; the loss that is told is without it.

    ``weights_sha256`` are its weights' fingerprints.
    """

    order = -6  # before ranks weigh their shares
    run_valid = False

    def __init__(self, teacher: nn.Module, weights_sha256: str) -> None:
        super().__init__()
        self.weights_sha256 = weights_sha256
        self.teacher = teacher.eval().requires_grad_(False)

    def after_loss(self) -> None:
        told = self.teacher(self.xb[0]).softmax(1)
        self.learn.loss_grad = (self.loss_grad + functional.cross_entropy(self.pred, told)) / 2


def load_teacher(models: str, classes: Sequence[str], device: torch.device) -> LearnFrom:
    """Lets a network learn from ``models``, named with commas; a ``ToolkitError`` where they know other ``classes``."""
    network, card = load_averaged(models, views=False)
    if list(classes) != card.classes:
        raise ToolkitError(
            f"{card.name} knows other classes than these images have. Choose a teacher of the same ones."
        )
    return LearnFrom(network.to(device), card.weights_sha256)
