"""Three networks, raw pixels in and logits out, and their saved form."""

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
    if architecture not in ARCHITECTURES:
        raise ToolkitError(f"Unknown architecture '{architecture}'. Choose one of {', '.join(ARCHITECTURES)}.")
    if not 0 <= arguments.get("dropout", 0.0) < 1:
        raise ToolkitError(f"Dropout {arguments['dropout']} is no probability. Choose one from 0 to below 1.")
    module = import_module(f"toolkit.models.{architecture}")  # only resnet needs timm, seconds to import
    try:
        network = getattr(module, ARCHITECTURES[architecture])(**arguments)
    except (TypeError, ValueError) as error:
        raise ToolkitError(
            f"The architecture '{architecture}' cannot be built from {arguments}: {error}. Correct the arguments."
        ) from error
    # convolutions on 2 CPU cores: 1.3 to 1.8 times faster; here, so that a loaded model computes as the trained one
    return network.to(memory_format=torch.channels_last)
