"""A model's score on labelled images, never without its n and its uncertainty."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from toolkit.data.labelled_images import LabelledImages
from toolkit.evaluation.statistics import wilson_interval
from toolkit.models.pixels import predict_logits as predict_logits  # offered here as well

MANY = 30  # classes from which on a confusion matrix cannot be read any more


@dataclass(frozen=True)
class Scores:
    """How a model did on ``n`` images.

    ``confusion`` has a row per true and a column per predicted class; ``loss`` is the mean cross entropy in nats.
    """

    confusion: tuple[tuple[int, ...], ...]
    loss: float
    classes: tuple[str, ...]

    @property
    def n(self) -> int:
        return sum(map(sum, self.confusion))

    @property
    def correct(self) -> int:
        return sum(row[label] for label, row in enumerate(self.confusion))

    @property
    def accuracy(self) -> float:
        return self.correct / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of the accuracy."""
        return wilson_interval(self.correct, self.n)

    def __str__(self) -> str:
        low, high = (100 * end for end in self.interval)
        digits = 2 if self.n >= 1000 else 1
        return (
            f"{100 * self.accuracy:.{digits}f} % ({self.correct:,} of {self.n:,}; "
            f"95 % interval {low:.{digits}f}-{high:.{digits}f} %)"
        )

    def confused(self) -> list[tuple[str, str, int]]:
        """The mistakes as true class, predicted class and count, the most frequent first."""
        counts = np.array(self.confusion)
        np.fill_diagonal(counts, 0)
        order = np.argsort(-counts, axis=None, kind="stable")[: np.count_nonzero(counts)]
        places = zip(*np.unravel_index(order, counts.shape), strict=True)
        return [(self.classes[true], self.classes[read], int(counts[true, read])) for true, read in places]

    def as_record(self) -> dict[str, object]:
        """What ``scores.json`` and ``model.json`` keep; of ``MANY`` classes and more only the mistakes."""
        few = len(self.classes) < MANY
        return {
            "accuracy": self.accuracy,
            "correct": self.correct,
            "n": self.n,
            "interval_95": list(self.interval),
            "loss": self.loss,
            **({"confusion": [list(row) for row in self.confusion]} if few else {"confused": self.confused()}),
        }


def score(network: nn.Module, digits: LabelledImages) -> Scores:
    """Score ``network`` on ``digits``."""
    return score_logits(predict_logits(network, digits.images), digits)


def score_logits(logits: torch.Tensor, digits: LabelledImages) -> Scores:
    """Score logits of shape (N, C) that were predicted for ``digits``, for their C classes."""
    confusion = np.zeros((len(digits.classes), len(digits.classes)), dtype=int)
    np.add.at(confusion, (digits.labels, logits.argmax(1).numpy()), 1)
    loss = functional.cross_entropy(logits, torch.from_numpy(digits.labels)).item()
    return Scores(tuple(tuple(row) for row in confusion.tolist()), loss, digits.classes)
