"""How sure a model may be: what its probabilities are worth, and what it takes for none of its classes.

Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", 2017: one temperature, fitted on images
that were not trained on, divides all logits. Platt, "Probabilistic outputs for support vector machines", 1999: of n
right answers the target is (n + 1) / (n + 2), since n images cannot show a model to be surer than that. Hendrycks et
al., "Scaling out-of-distribution detection for real-world settings", 2022: for what is none of the classes little
speaks, here the largest logit above the mean of all.
"""

import math
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from toolkit.errors import ToolkitError
from toolkit.evaluation.statistics import wilson_interval
from toolkit.models.last_layer import classifier_of

SURE = 0.75  # probability below which an answer is unsure
FALSE_ALARMS = 0.005  # share of held-out images for which too little may speak
ENOUGH = 200  # images: what fewer say of a temperature, and of the least evidence, depends on their number
BINS = 15  # of equal width, as Guo et al.
HALF_WIDTH = 1.92  # nats by which the likelihood falls at the ends of a 95 % interval


@dataclass(frozen=True)
class Calibration:
    """What ``n`` images that were not trained on say of a model's probabilities.

    ``error`` and ``error_before`` are expected calibration errors, with and without the ``temperature``. ``sure``
    answers of the n were sure, ``wrong_sure`` of these wrong. What has less ``evidence`` than ``least_evidence`` shows
    none of the classes: so did ``false_alarms`` of the n. Fewer than ``ENOUGH`` images change and limit nothing.
    """

    n: int
    temperature: float
    interval_95: tuple[float, float]  # of the temperature, by its likelihood
    error_before: float
    error: float
    sure: int
    wrong_sure: int
    least_evidence: float | None
    false_alarms: int

    def __str__(self) -> str:
        low, high = self.interval_95
        fitted = f"temperature {self.temperature:.2f} ({low:.2f} to {high:.2f})"
        if self.n < ENOUGH:
            fitted = f"as before, {self.n} images are too few to change it"
        most = 100 * wilson_interval(self.wrong_sure, self.sure)[1] if self.sure else 100.0
        return (
            f"{fitted}; of {self.n:,} held-out answers {self.sure:,} are sure, {self.wrong_sure} of them wrong "
            f"(95 %: at most {most:.{2 if self.n >= ENOUGH else 0}f} %)"
        )


def calibrate(network: nn.Module, logits: torch.Tensor, labels: np.ndarray) -> tuple[Calibration, torch.Tensor]:
    """Divide ``network``'s last layer by the temperature that fits; returns what was found, and the new logits.

    ``logits`` (N, C) are the network's for images, labelled (N,), that it was not trained on. The temperature stays
    at 1 for fewer than ``ENOUGH`` images, where its interval holds 1, and for a last layer that is no ``nn.Linear``.
    """
    targets = torch.from_numpy(labels)
    fitted, interval = fit_temperature(logits, targets)
    temperature = 1.0
    if len(labels) >= ENOUGH and not interval[0] <= 1 <= interval[1]:
        with torch.no_grad(), suppress(ToolkitError):
            for parameter in classifier_of(network).parameters():  # it may have no bias
                parameter.div_(fitted)
            temperature = fitted
    scaled = logits / temperature
    chances, answers = torch.softmax(scaled, 1).max(1)
    sure, wrong = chances >= SURE, answers != targets
    speaks = evidence(scaled)
    least = float(np.quantile(speaks.numpy(), FALSE_ALARMS, method="lower")) if len(labels) >= ENOUGH else None
    found = Calibration(
        n=len(labels),
        temperature=temperature,
        interval_95=interval,
        error_before=calibration_error(logits, targets),
        error=calibration_error(scaled, targets),
        sure=int(sure.sum()),
        wrong_sure=int((sure & wrong).sum()),
        least_evidence=least,
        false_alarms=0 if least is None else int((speaks < least).sum()),
    )
    return found, scaled


def evidence(logits: torch.Tensor) -> torch.Tensor:
    """What speaks for the likeliest class, (N,): its logit above the mean of all, of (N, C)."""
    return logits.amax(1) - logits.mean(1)


def fit_temperature(logits: torch.Tensor, targets: torch.Tensor) -> tuple[float, tuple[float, float]]:
    """The temperature from 0.05 to 20 that makes ``targets`` (N,) likeliest, and its 95 % interval."""
    from scipy.optimize import brentq, minimize_scalar

    count, classes = logits.shape
    smoothing = classes / (classes - 1) / (count + 2)  # torch spreads it over all classes, the right one included
    wide = logits.double()

    def loss(log_temperature: float) -> float:
        scaled = wide / math.exp(log_temperature)
        return count * float(functional.cross_entropy(scaled, targets, label_smoothing=min(smoothing, 1.0)))

    ends = math.log(0.05), math.log(20)
    best = minimize_scalar(loss, bounds=ends, method="bounded")
    beyond = [loss(end) - best.fun - HALF_WIDTH for end in ends]
    low, high = (
        brentq(lambda t: loss(t) - best.fun - HALF_WIDTH, *sorted((end, best.x))) if over > 0 else end
        for end, over in zip(ends, beyond, strict=True)
    )
    return math.exp(best.x), (math.exp(low), math.exp(high))


def reliability(logits: torch.Tensor, targets: torch.Tensor) -> np.ndarray:
    """For each bin of the likeliest class's probability, (B, 3): images, their mean probability, share right."""
    chances, answers = (tensor.numpy() for tensor in torch.softmax(logits.double(), 1).max(1))
    place = np.minimum((chances * BINS).astype(int), BINS - 1)
    sums = [np.bincount(place, weights, BINS) for weights in (None, chances, answers == targets.numpy())]
    return np.stack([sums[0], *(total / np.maximum(sums[0], 1) for total in sums[1:])], axis=1)


def calibration_error(logits: torch.Tensor, targets: torch.Tensor) -> float:
    """The expected calibration error: how far probability and share right lie apart, over images."""
    images, mean, right = reliability(logits, targets).T
    return float((images * abs(mean - right)).sum() / images.sum())
