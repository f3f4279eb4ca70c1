"""A last layer for other classes, by timm's contract: ``get_classifier``."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from toolkit.errors import ToolkitError
from toolkit.models.pixels import predict_logits, see_inputs


def classifier_of(network: nn.Module) -> nn.Linear:
    """The layer that gives the logits; a ``ToolkitError`` where it is no ``nn.Linear``."""
    get = getattr(network, "get_classifier", None)
    layer = get() if get else None
    if not isinstance(layer, nn.Linear):
        raise ToolkitError(
            f"The last layer of this network, {type(layer).__name__}, cannot be replaced by one for other classes. "
            "Choose a network with get_classifier() whose last layer is nn.Linear."
        )
    return layer


def see_features(network: nn.Module, images: np.ndarray) -> tuple[torch.Tensor, np.ndarray]:
    """Logits (N, C) for images (N, 1, 28, 28), and the last layer's features, float32 (N, F), scaled to length 1."""
    logits, seen = see_inputs(network, images, {"last": classifier_of(network)})
    return logits, functional.normalize(seen["last"]).numpy()


def replace_last_layer(network: nn.Module, known: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Give ``network``, which knows the classes ``known``, a last layer for ``wanted``; returns those that both have.

    Their weights are kept, new classes start with zeros. Nothing changes where the classes are the same.
    """
    kept = [name for name in wanted if name in known]
    if list(known) == list(wanted):
        return kept
    layer = classifier_of(network)
    layer.out_features = len(wanted)
    for name, former in [*layer.named_parameters()]:  # it may have no bias
        rows = former.new_zeros(len(wanted), *former.shape[1:])
        rows[[*map(wanted.index, kept)]] = former.detach()[[*map(known.index, kept)]]
        layer.register_parameter(name, nn.Parameter(rows))
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
    if layer.bias is not None and new.any() and not new.all():
        from scipy.optimize import minimize_scalar

        bias = float(minimize_scalar(loss, bounds=(-50, 50), method="bounded").x)
        with torch.no_grad():
            layer.bias[new.to(layer.bias.device)] += bias
    first = loss(bias)
    if first <= math.log(len(classes)) or not new.any():
        return first
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
    return math.log(len(classes))
