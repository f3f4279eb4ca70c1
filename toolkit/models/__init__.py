"""Networks, raw pixels in and logits out, and their saved form."""

import inspect
from functools import partial
from importlib import import_module
from typing import Any

import torch
from torch import nn

from toolkit.errors import ToolkitError
from toolkit.models.own import is_own, own_class
from toolkit.models.pixels import try_out

ARCHITECTURES = {"mlp": "MLP", "cnn": "CNN", "resnet": "resnet"}  # module in this package: class or function
TIMM = "timm:"


def build_model(architecture: str, classes: int = 10, **arguments: Any) -> nn.Module:
    """A new network, e.g. ``build_model("cnn", dropout=0.2)``; weights come from torch's random state.

    ``architecture`` is one of ``ARCHITECTURES``, ``timm:NAME``, or ``recipes/FILE.py:CLASS``; ``classes`` the number of
    logits. Raises ``ToolkitError`` for an unknown architecture or arguments it does not take.
    """
    make = _maker(architecture)
    dropout = arguments.get("dropout", 0.0)
    if not isinstance(dropout, int | float) or not 0 <= dropout < 1:
        raise ToolkitError(f"Dropout {dropout} is no probability. Choose one from 0 to below 1.")
    try:
        network = make(classes=classes, **arguments)
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RuntimeError) as error:
        raise ToolkitError(
            f"The architecture '{architecture}' cannot be built from {arguments}: {error}. Correct the arguments."
        ) from error
    if is_own(architecture):
        try:
            try_out(network, classes)
        except Exception as error:  # whatever the user's own network raises
            raise ToolkitError(
                f"{architecture} does not turn 28x28 pixels into {classes} logits: {type(error).__name__}: "
                f"{str(error)[:200]} Correct it."
            ) from error
    # convolutions on 2 CPU cores: 1.3 to 1.8 times faster; here, so that a loaded model computes as the trained one
    return network.to(memory_format=torch.channels_last)


def all_arguments(architecture: str, **given: Any) -> dict[str, Any]:
    """Everything but ``classes`` the architecture can be built with: its defaults, replaced by those ``given``.

    A card that holds them all still rebuilds its network when a default changes.
    """
    parameters = inspect.signature(_maker(architecture)).parameters.values()
    defaults = {
        parameter.name: parameter.default for parameter in parameters if parameter.default is not parameter.empty
    }
    defaults.pop("classes", None)
    return defaults | given


def _maker(architecture: str) -> Any:
    """A class or function that makes the network."""
    if is_own(architecture):
        return own_class(architecture)
    if architecture.startswith(TIMM):
        from toolkit.models.timm_network import make_timm_network  # seconds to import

        return partial(make_timm_network, architecture.removeprefix(TIMM))
    if architecture not in ARCHITECTURES:
        raise ToolkitError(
            f"Unknown architecture '{architecture}'. Choose one of {', '.join(ARCHITECTURES)}, timm:NAME or "
            "recipes/FILE.py:CLASS."
        )
    module = import_module(f"toolkit.models.{architecture}")  # only resnet needs timm, seconds to import
    return getattr(module, ARCHITECTURES[architecture])
