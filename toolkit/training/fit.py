"""Training: fastai's Learner, one cycle of the learning rate, and the history it leaves."""

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial

import torch
from fastai.callback.core import Callback, CancelFitException, TrainEvalCallback
from fastai.callback.schedule import Learner  # this module gives it fit_one_cycle
from fastai.data.core import DataLoaders
from fastai.learner import Recorder
from fastai.optimizer import Adam
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn

from toolkit.errors import ToolkitError


class LossNotFiniteError(ToolkitError):
    """Training diverged: a sweep over rates may go on with the next."""


@dataclass(frozen=True)
class Epoch:
    """One row of a history. Losses and accuracies are means over images; training's are taken on the way."""

    epoch: int
    learning_rate: float
    training_loss: float
    training_accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float


def make_learner(
    model: nn.Module,
    loaders: DataLoaders,
    callbacks: list[Callback] | None = None,
    parameter_groups: list[list[nn.Parameter]] | None = None,
    weight_decay: float = 0.01,
    label_smoothing: float = 0.0,
) -> Learner:
    """fastai's Learner with AdamW and cross entropy, quiet.

    ``parameter_groups`` go from input to output, for discriminative learning rates; without them every
    parameter that requires a gradient forms one group. Frozen batch normalisation stays frozen, unlike
    fastai's default. Raises ``ToolkitError`` for a negative weight decay, or smoothing outside 0 to below 1.
    """
    if not 0 <= weight_decay < math.inf:
        raise ToolkitError(f"Weight decay {weight_decay} cannot be used. Choose 0 or a positive number.")
    if not 0 <= label_smoothing < 1:
        raise ToolkitError(f"Label smoothing {label_smoothing} is no share. Choose one from 0 to below 1.")
    groups = parameter_groups or [[p for p in model.parameters() if p.requires_grad]]
    return Learner(
        loaders,
        model,
        loss_func=nn.CrossEntropyLoss(label_smoothing=label_smoothing),
        opt_func=partial(Adam, decouple_wd=True),
        splitter=lambda _: groups,
        wd=weight_decay,
        train_bn=False,
        default_cbs=False,
        cbs=[TrainEvalCallback(), Recorder(), *(callbacks or [])],
    )


def fit_one_cycle(
    learner: Learner,
    epochs: int,
    lr: Sequence[float],
    keep_best: bool = False,
    patience: int | None = None,
    show_progress: bool = True,
) -> list[Epoch]:
    """Train with Smith's one-cycle schedule ("Super-convergence", 2018); returns one row per epoch.

    ``lr`` holds the peak rate of each parameter group, from input to output. ``keep_best`` leaves the model as it
    was after the epoch with the lowest validation loss; ``patience`` stops after so many epochs without a
    lower one. Raises ``LossNotFiniteError`` when training diverges, ``ToolkitError`` when an argument makes no sense.
    """
    if epochs < 1:
        raise ToolkitError(f"Cannot train for {epochs} epochs. Choose 1 or more.")
    if not all(0 < rate < math.inf for rate in lr):
        rates = ", ".join(f"{rate:g}" for rate in lr)
        raise ToolkitError(f"Cannot train with the learning rate {rates}. Choose positive numbers.")
    if patience is not None and patience < 1:
        raise ToolkitError(f"Cannot wait {patience} epochs for a lower loss. Choose a patience of 1 or more.")
    history = History()
    progress = ProgressBar(history, show_progress)
    guard = StopAtNonFiniteLoss()
    watchers: list[Callback] = [guard, history, progress]
    if keep_best:
        watchers.append(KeepBest(history))
    if patience is not None:
        watchers.append(StopEarly(history, patience))
    with learner.no_logging(), progress.bar:  # the bar gives the terminal back however training ends
        learner.fit_one_cycle(epochs, list(lr), cbs=watchers)
    if guard.complaint:
        raise LossNotFiniteError(guard.complaint)
    return history.epochs


def best_epoch(history: list[Epoch]) -> Epoch:
    """The one with the lowest validation loss, the earliest of equals."""
    return min(history, key=lambda row: row.validation_loss)


class Tally:
    """Sums over batches. No callback: fastai looks up a callback's attributes in the Learner as well, every time."""

    def __init__(self) -> None:
        self.loss_sum, self.correct, self.count = torch.tensor(0.0), torch.tensor(0), 0

    def add(self, logits: torch.Tensor, loss: torch.Tensor, labels: torch.Tensor) -> None:
        """Count one batch with its mean loss."""
        self.loss_sum = self.loss_sum + loss.detach() * len(labels)
        self.correct = self.correct + (logits.argmax(1) == labels).sum()
        self.count += len(labels)

    def means(self) -> tuple[float, float]:
        """The loss and the accuracy of an image."""
        return float(self.loss_sum) / self.count, int(self.correct) / self.count


class History(Callback):
    """Collects one ``Epoch`` after the other."""

    order = 55  # after fastai's Recorder

    def before_fit(self) -> None:
        self.epochs: list[Epoch] = []

    def before_epoch(self) -> None:
        self.started = time.perf_counter()

    def before_train(self) -> None:
        self.tally = Tally()

    def before_validate(self) -> None:
        self.training_means = self.tally.means()
        self.tally = Tally()

    def after_batch(self) -> None:
        self.tally.add(self.pred, self.loss, self.yb[0])

    def after_epoch(self) -> None:
        training_loss, training_accuracy = self.training_means
        validation_loss, validation_accuracy = self.tally.means()
        self.epochs.append(
            Epoch(
                epoch=self.epoch + 1,
                learning_rate=float(self.opt.hypers[-1]["lr"]),
                training_loss=training_loss,
                training_accuracy=training_accuracy,
                validation_loss=validation_loss,
                validation_accuracy=validation_accuracy,
                seconds=round(time.perf_counter() - self.started, 3),
            )
        )


class KeepBest(Callback):
    """Gives the model back as it was after the epoch with the lowest validation loss."""

    order = 60

    def __init__(self, history: History) -> None:
        super().__init__()
        self.history = history
        self.weights: dict[str, torch.Tensor] | None = None

    def after_epoch(self) -> None:
        rows = self.history.epochs
        if best_epoch(rows) is rows[-1]:
            self.weights = copy.deepcopy(self.model.state_dict())

    def after_fit(self) -> None:
        if self.weights is not None:
            self.model.load_state_dict(self.weights)


class StopEarly(Callback):
    """Ends training after ``patience`` epochs without a lower validation loss."""

    order = 65

    def __init__(self, history: History, patience: int) -> None:
        super().__init__()
        self.history, self.patience = history, patience

    def after_epoch(self) -> None:
        rows = self.history.epochs
        if len(rows) - best_epoch(rows).epoch >= self.patience:
            raise CancelFitException


class StopAtNonFiniteLoss(Callback):
    """Ends training when the loss is infinite or not a number, and keeps the ``complaint``.

    It does not raise it itself: fastai would wrap it in lines of its own.
    """

    complaint = ""

    def after_loss(self) -> None:
        if not math.isfinite(self.loss.item()):
            self.complaint = (
                f"The loss became {self.loss.item()} in epoch {self.epoch + 1}. "
                "Train again with a smaller learning rate (--lr)."
            )
            raise CancelFitException


class ProgressBar(Callback):
    """A bar on a terminal, nothing in a pipe, nor where it is not to be ``shown``."""

    order = 70

    def __init__(self, history: History, shown: bool = True) -> None:
        super().__init__()
        self.history = history
        columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(elapsed_when_finished=True)
        console = Console(stderr=True)
        self.bar = Progress(*columns, console=console, disable=not (shown and console.is_terminal))

    def before_fit(self) -> None:
        self.task = self.bar.add_task("training", total=self.n_epoch * len(self.dls.train))

    def after_batch(self) -> None:
        if self.training:
            self.bar.advance(self.task)

    def after_epoch(self) -> None:
        row = self.history.epochs[-1]
        self.bar.update(
            self.task,
            completed=row.epoch * len(self.dls.train),
            description=f"epoch {row.epoch}/{self.n_epoch}  loss {row.training_loss:.3f}"
            f" / {row.validation_loss:.3f} validation",
        )


class Autocast(Callback):
    """Runs the forward pass in bfloat16; fastai's own MixedPrecision knows only CUDA."""

    def before_batch(self) -> None:
        device = next(self.model.parameters()).device.type
        self.context = torch.autocast(device, dtype=torch.bfloat16)
        self.context.__enter__()

    def after_pred(self) -> None:
        self.context.__exit__(None, None, None)
        self.learn.pred = self.pred.float()


def history_rows(history: list[Epoch]) -> list[dict[str, float]]:
    """The history as plain dictionaries, for ``history.csv``."""
    return [asdict(row) for row in history]
