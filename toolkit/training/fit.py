"""Training: fastai's Learner, one cycle of the learning rate, and the history it leaves."""

import math
from collections.abc import Callable, Sequence

import torch
from fastai.callback.core import Callback, CancelFitException, TrainEvalCallback
from fastai.callback.schedule import Learner  # this module gives it fit_one_cycle
from fastai.data.core import DataLoaders
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn

from toolkit.errors import ToolkitError
from toolkit.training.adamw import fused_adamw
from toolkit.training.history import Epoch, History, KeepBest, best_epoch, freely_named
from toolkit.training.state import KeepState, SavedState


class LossNotFiniteError(ToolkitError):
    """Training diverged: a sweep over rates may go on with the next, and says ``what`` happened without this advice."""

    @property
    def what(self) -> str:
        return str(self.args[0])

    def __str__(self) -> str:
        return f"{self.what} Train again with a smaller learning rate (--lr)."


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
        opt_func=fused_adamw,
        splitter=lambda _: groups,
        wd=weight_decay,
        train_bn=False,
        default_cbs=False,
        cbs=[TrainEvalCallback(), *(callbacks or [])],
    )


def fit_one_cycle(
    learner: Learner,
    epochs: int,
    lr: Sequence[float],
    keep_best: bool = False,
    patience: int | None = None,
    show_progress: bool = True,
    saved: SavedState | None = None,
    told: Callable[[list[Epoch]], None] | None = None,
) -> list[Epoch]:
    """Train with Smith's one-cycle schedule ("Super-convergence", 2018); returns one row per epoch.

    ``lr`` holds the peak rate of each parameter group, from input to output. ``keep_best`` leaves the model as it
    was after the epoch with the lowest validation loss; ``patience`` stops after so many epochs without a
    lower one. With ``saved`` training goes on from the state kept there; ``told`` is given all rows after each
    epoch. Raises ``LossNotFiniteError`` when training diverges, ``ToolkitError`` when an argument makes no sense.
    """
    if epochs < 1:
        raise ToolkitError(f"Cannot train for {epochs} epochs. Choose 1 or more.")
    if not all(0 < rate < math.inf for rate in lr):
        rates = ", ".join(f"{rate:g}" for rate in lr)
        raise ToolkitError(f"Cannot train with the learning rate {rates}. Choose positive numbers.")
    if patience is not None and patience < 1:
        raise ToolkitError(f"Cannot wait {patience} epochs for a lower loss. Choose a patience of 1 or more.")
    history, progress, guard = History(told), ProgressBar(show_progress), StopAtNonFiniteLoss()
    keeper = KeepState(saved, epochs, show_progress) if saved else None
    asked = [KeepBest() if keep_best else None, StopEarly(patience) if patience else None, keeper]
    with learner.no_logging(), progress.bar:  # the bar gives the terminal back however training ends
        learner.fit_one_cycle(epochs, list(lr), cbs=[history, progress, guard, *filter(None, asked)])
    if guard.complaint:
        raise LossNotFiniteError(guard.complaint)
    return history.epochs


@freely_named
class StopEarly(Callback):
    """Ends training after ``patience`` epochs without a lower validation loss."""

    order = 95

    def __init__(self, patience: int) -> None:
        super().__init__()
        self.patience = patience

    def before_epoch(self) -> None:
        rows = self.history.epochs
        if rows and len(rows) - best_epoch(rows).epoch >= self.patience:
            raise CancelFitException


@freely_named
class StopAtNonFiniteLoss(Callback):
    """Ends training when the loss is infinite or not a number, and keeps the complaint."""

    complaint = ""  # fastai would wrap an error in lines of its own

    def after_loss(self) -> None:
        if self.loss.device.type != "cuda":  # Python would wait for the GPU at every step
            stop_unless_finite(self, self.loss.item())

    def after_validate(self) -> None:
        stop_unless_finite(self, self.history.training_means[0] + float(self.history.tally.loss_sum))


def stop_unless_finite(callback: Callback, loss: float) -> None:
    """End the ``callback``'s training, and leave it a complaint, when ``loss`` is infinite or not a number."""
    if not math.isfinite(loss):
        callback.complaint = f"The loss became {loss} in epoch {callback.epoch + 1}."
        raise CancelFitException


@freely_named
class ProgressBar(Callback):
    """A bar on a terminal, nothing in a pipe, nor where it is not to be ``shown``."""

    order = 70

    def __init__(self, shown: bool) -> None:
        super().__init__()
        columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(elapsed_when_finished=True)
        console = Console(stderr=True)
        self.bar = Progress(*columns, console=console, disable=not (shown and console.is_terminal))

    def before_fit(self) -> None:
        self.task = self.bar.add_task("training", total=None)

    def before_train(self) -> None:
        batches = len(self.dls.train)
        self.bar.update(self.task, total=self.n_epoch * batches, completed=self.epoch * batches)

    def after_batch(self) -> None:
        if self.training:
            self.bar.advance(self.task)

    def after_epoch(self) -> None:
        row = self.history.epochs[-1]
        said = f"epoch {row.epoch}/{self.n_epoch}  loss {row.training_loss:.3f} / {row.validation_loss:.3f} validation"
        self.bar.update(self.task, completed=row.epoch * len(self.dls.train), description=said)


@freely_named
class Autocast(Callback):
    """Runs the forward pass in bfloat16; fastai's own MixedPrecision knows only CUDA."""

    def before_batch(self) -> None:
        device = next(self.model.parameters()).device.type
        # uncached: a recorded pass must not find weights that were cast before
        self.context = torch.autocast(device, dtype=torch.bfloat16, cache_enabled=False)
        self.context.__enter__()

    def after_pred(self) -> None:
        self.after_cancel_batch()
        self.learn.pred = self.pred.float()

    def after_cancel_batch(self) -> None:
        self.context.__exit__(None, None, None)
