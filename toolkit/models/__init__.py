"""Three networks, raw pixels in and logits out, and their saved form."""

import inspect
from importlib import import_module
from typing import Any

import torch
from torch import nn

from toolkit.errors import ToolkitError

ARCHITECTURES = {"mlp": "MLP", "cnn": "CNN", "resnet": "ResNet"}  # module in this package: class


def build_model(architecture: str, **arguments: Any) -> nn.Module:
    """A new network, e.g. ``build_model("cnn", dropout=0.2)``; weights come from torch's random state.

    Raises ``ToolkitError`` for an unknown architecture or arguments it does not take.
    """
    network_class = _network_class(architecture)
    if not 0 <= arguments.get("dropout", 0.0) < 1:
        raise ToolkitError(f"Dropout {arguments['dropout']} is no probability. Choose one from 0 to below 1.")
    try:
        network = network_class(**arguments)
    except (TypeError, ValueError) as error:
        raise ToolkitError(
            f"The architecture '{architecture}' cannot be built from {arguments}: {error}. Correct the arguments."
        ) from error
    # convolutions on 2 CPU cores: 1.3 to 1.8 times faster; here, so that a loaded model computes as the trained one
    return network.to(memory_format=torch.channels_last)


def all_arguments(architecture: str, **given: Any) -> dict[str, Any]:
    """Everything the architecture can be built with: its defaults, replaced by those ``given``.

    A card that holds them all still rebuilds its network when a default changes.
    """
    parameters = inspect.signature(_network_class(architecture)).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters} | given


def _network_class(architecture: str) -> Any:
    if architecture not in ARCHITECTURES:
        raise ToolkitError(f"Unknown architecture '{architecture}'. Choose one of {', '.join(ARCHITECTURES)}.")
    module = import_module(f"toolkit.models.{architecture}")  # only resnet needs timm, seconds to import
    return getattr(module, ARCHITECTURES[architecture])
