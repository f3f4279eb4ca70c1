"""Stochastic gradient descent written out, in the place of fastai's training loop."""

import math
from collections.abc import Iterable, Iterator

import torch
from fastai.callback.core import Callback, CancelTrainException
from fastai.learner import Learner
from torch import nn
from torch.nn.functional import cross_entropy

from toolkit.errors import ToolkitError
from toolkit.training.fit import ProgressBar, stop_unless_finite
from toolkit.training.history import Epoch, History, freely_named
from toolkit.training.state import KeepState, SavedState


def descend(
    model: nn.Module, batches: Iterable[tuple[torch.Tensor, torch.Tensor]], learning_rate: float
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Plain stochastic gradient descent, without any optimizer: Robbins and Monro's method (1951) on batches.

    Each batch, images and labels, is one step, after which its logits, loss and labels are given out.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for images, labels in batches:
        logits = model(images)
        loss = cross_entropy(logits, labels)
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.sub_(gradient, alpha=learning_rate)  # parameter -= learning_rate * gradient
        yield logits, loss, labels


@freely_named
class PlainSGD(Callback):
    """One pass over the training images by ``descend``.

    fastai does the rest: it counts epochs, validates, calls other callbacks. Batches do not raise its events, which
    would cost more than a small network's own arithmetic. ``learning_rate`` is multiplied by ``decay`` after every
    epoch; ``keeper`` saves within epochs. ``complaint`` says why training ended early, if it did.
    """

    order = 100  # after the other callbacks have prepared the epoch
    complaint = ""

    def __init__(self, learning_rate: float, decay: float, keeper: KeepState | None) -> None:
        super().__init__()
        self.rate, self.decay, self.keeper = learning_rate, decay, keeper

    def before_epoch(self) -> None:
        self.opt.set_hyper("lr", math.prod([self.rate, *[self.decay] * self.epoch]))

    def before_train(self) -> None:
        tally, batch_done = self.history.tally, self.keeper.batch_done if self.keeper else None
        check_each = self.dls.device.type != "cuda"  # where Python would wait for the GPU at every step
        for logits, loss, labels in descend(self.model, self.dls.train, self.opt.hypers[-1]["lr"]):
            if check_each:
                stop_unless_finite(self, loss.item())
            tally.add(logits, loss, labels)
            if batch_done:
                batch_done()
        stop_unless_finite(self, float(tally.loss_sum))
        raise CancelTrainException  # fastai's own loop would follow


def fit_plain_sgd(
    learner: Learner,
    epochs: int,
    learning_rate: float,
    decay: float = 1.0,
    show_progress: bool = True,
    saved: SavedState | None = None,
) -> tuple[list[Epoch], str]:
    """Train; returns a row for each epoch with finite losses, and why training ended early, "" if it did not.

    With ``saved`` it goes on where its state says. Raises ``ToolkitError`` when an argument makes no sense.
    """
    if epochs < 1:
        raise ToolkitError(f"Cannot train for {epochs} epochs. Choose 1 or more.")
    if not 0 < learning_rate < math.inf:
        raise ToolkitError(f"Cannot train with the learning rate {learning_rate:g}. Choose a positive number.")
    if not 0 < decay <= 1:
        raise ToolkitError(f"The learning rate cannot decay by {decay:g}. Choose a factor above 0, up to 1.")
    history, progress = History(), ProgressBar(show_progress)
    keeper = KeepState(saved, epochs, show_progress) if saved else None
    sgd = PlainSGD(learning_rate, decay, keeper)
    with learner.no_logging(), progress.bar:
        learner.fit(epochs, lr=learning_rate, cbs=[history, sgd, progress, *([keeper] if keeper else [])])
    rows = [row for row in history.epochs if math.isfinite(row.validation_loss)]
    if len(rows) < len(history.epochs) and not sgd.complaint:
        sgd.complaint = f"The validation loss was no longer finite after epoch {len(rows) + 1}."
    return rows, sgd.complaint
