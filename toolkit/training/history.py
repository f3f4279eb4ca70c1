"""What a training was like epoch by epoch, and the weights after its best one."""

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from fastai.callback.core import Callback


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


ALMOST = 0.005  # nats: a smaller rise of a loss is not called overfitting, a smaller fall is no reason to choose


def best_epoch(history: Sequence[Epoch]) -> Epoch:
    """The one with the lowest validation loss, the earliest of equals."""
    return min(history, key=lambda row: row.validation_loss)


def overfitted(history: Sequence[Epoch]) -> float:
    """By how much validation loss rose after its lowest while training loss went on falling; 0 if it did not."""
    best, end = best_epoch(history), history[-1]
    rise = end.validation_loss - best.validation_loss
    return rise if rise > ALMOST and end.training_loss < best.training_loss else 0.0


# no callback: fastai looks up a callback's attributes in the Learner as well, every time
@dataclass
class Tally:
    """Sums over batches."""

    loss_sum: torch.Tensor | float = 0.0
    correct: torch.Tensor | int = 0
    count: int = 0

    def add(self, logits: torch.Tensor, loss: torch.Tensor, labels: torch.Tensor) -> None:
        """Count one batch with its mean loss."""
        self.loss_sum = self.loss_sum + loss.detach() * len(labels)
        self.correct = self.correct + (logits.argmax(1) == labels).sum()
        self.count += len(labels)

    def means(self) -> tuple[float, float]:
        """The loss and the accuracy of an image."""
        return float(self.loss_sum) / self.count, int(self.correct) / self.count

    def as_record(self) -> tuple[float, int, int]:
        """The sums as numbers, from which another goes on."""
        return float(self.loss_sum), int(self.correct), self.count


def freely_named(callback: type[Callback]) -> type[Callback]:
    """Its attributes may be named like those of a user's network, which fastai's own way to set them warns of."""
    callback.__setattr__ = object.__setattr__  # type: ignore[assignment]
    return callback


@freely_named
class History(Callback):
    """Collects one ``Epoch`` after the other, of which ``told`` is told; for other callbacks ``self.history``."""

    order = 55  # after fastai's Recorder

    def __init__(self, told: Callable[[list[Epoch]], None] | None = None) -> None:
        super().__init__()
        self.told = told

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
        rate, seconds = float(self.opt.hypers[-1]["lr"]), round(time.perf_counter() - self.started, 3)
        self.epochs.append(Epoch(self.epoch + 1, rate, *self.training_means, *self.tally.means(), seconds))
        if self.told:
            self.told(self.epochs)


@freely_named
class KeepBest(Callback):
    """Gives the model back as it was after the epoch with the lowest validation loss."""

    order = 60
    weights: dict[str, torch.Tensor] | None = None

    def after_epoch(self) -> None:
        rows = self.history.epochs
        if best_epoch(rows) is rows[-1]:
            self.weights = copy.deepcopy(self.model.state_dict())

    def after_fit(self) -> None:
        if self.weights is not None:
            self.model.load_state_dict(self.weights)
