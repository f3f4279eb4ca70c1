"""A last layer for other classes, by timm's contract: ``get_classifier`` and ``reset_classifier``."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from toolkit.errors import ToolkitError
from toolkit.models.pixels import predict_logits, see_inputs


def classifier_of(network: nn.Module) -> nn.Linear:
    """The layer that gives the logits; a ``ToolkitError`` where it is no ``nn.Linear`` or cannot be replaced."""
    get = getattr(network, "get_classifier", None)
    layer = get() if get and hasattr(network, "reset_classifier") else None
    if not isinstance(layer, nn.Linear):
        raise ToolkitError(
            f"The last layer of this network, {type(layer).__name__}, cannot be replaced by one for other classes. "
            "Choose a network with get_classifier() and reset_classifier() whose last layer is nn.Linear."
        )
    return layer


def see_features(network: nn.Module, images: np.ndarray) -> tuple[torch.Tensor, np.ndarray]:
    """Logits (N, C) for images (N, 1, 28, 28), and the features, float32 (N, F), that the last layer made them of.

    The features are scaled to length 1. Raises what ``classifier_of`` raises.
    """
    logits, seen = see_inputs(network, images, {"last": classifier_of(network)})
    return logits, functional.normalize(seen["last"]).numpy()


def replace_last_layer(network: nn.Module, known: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Give ``network``, which knows the classes ``known``, a last layer for ``wanted``; returns those that both have.

    Their weights are kept, new classes start with zeros. Nothing changes where the classes are the same.
    """
    kept = [name for name in wanted if name in known]
    if list(known) == list(wanted):
        return kept
    old, training = classifier_of(network), network.training
    with torch.random.fork_rng():  # the new layer's own random weights are not used
        network.reset_classifier(len(wanted))  # type: ignore[operator]
    new = classifier_of(network).to(old.weight.device, old.weight.dtype)
    with torch.no_grad():
        for tensor, former in ((new.weight, old.weight), (new.bias, old.bias)):
            tensor.zero_()
            for name in kept:
                tensor[list(wanted).index(name)] = former[list(known).index(name)]
    network.train(training)
    return kept


def balance_new_classes(
    network: nn.Module, images: np.ndarray, labels: np.ndarray, kept: Sequence[str], classes: Sequence[str]
) -> float:
    """Let new classes start as likely as they are; returns the first loss, which is not worse than chance, log(C).

    ``images`` are uint8 (N, 1, 28, 28), ``labels`` int64 (N,). Where some classes were kept, the others' bias, the
    same for all, becomes what makes the loss lowest; if even then it is worse than chance, the kept weights go too.
    """
    layer = classifier_of(network)
    logits = predict_logits(network, images).double()
    targets = torch.from_numpy(labels)
    new = torch.tensor([name not in kept for name in classes])

    def loss(bias: float) -> float:
        return float(functional.cross_entropy(logits + bias * new, targets))

    bias = 0.0
    if new.any() and not new.all():
        from scipy.optimize import minimize_scalar

        bias = float(minimize_scalar(loss, bounds=(-50, 50), method="bounded").x)
        with torch.no_grad():
            layer.bias[new.to(layer.bias.device)] += bias
    first = loss(bias)
    if first <= math.log(len(classes)) or not new.any():
        return first
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.zero_()
    return math.log(len(classes))
