"""Any of timm's networks for one channel and 28x28 pixels, by its name."""

import difflib
import re
from typing import Any

import timm
import torch
from torch import nn

from toolkit.errors import ToolkitError
from toolkit.images.normal_form import SIDE
from toolkit.models.pixels import StandardisePixels, try_out


class TimmNetwork(nn.Module):
    """One of timm's networks behind our first layer: input (N, 1, 28, 28) raw pixels, output (N, C) logits."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.pixels = StandardisePixels()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network(self.pixels(images))

    def get_classifier(self) -> nn.Module:
        """timm's contract: the layer that gives the logits."""
        return self.network.get_classifier()  # type: ignore[operator]

    def reset_classifier(self, num_classes: int) -> None:
        """timm's contract: a new last layer."""
        self.network.reset_classifier(num_classes)  # type: ignore[operator]

    def group_matcher(self, coarse: bool = True) -> Any:
        """timm's contract: which parameters form a layer group, from input to output, as patterns or a function."""
        groups: Any = self.network.group_matcher(coarse=coarse)  # type: ignore[operator]
        if callable(groups):
            return lambda name: groups(name.removeprefix("network."))
        return {name: _within(pattern) for name, pattern in groups.items()}


def _within(pattern: Any) -> Any:
    """A pattern for names in timm's network, or several with their order, as one for names in ours."""
    if isinstance(pattern, str):
        return r"^network\.(?:" + re.sub(r"(?<!\[)\^", "", pattern) + ")"  # [^.] is no beginning
    return None if pattern is None else [(_within(part), order) for part, order in pattern]


def make_timm_network(name: str, classes: int, dropout: float = 0.0) -> TimmNetwork:
    """``name`` as timm knows it, untrained; a ``ToolkitError`` where timm does not, or it takes no 28x28 pixels.

    Transformers, whose patches are as large as half the image or more, get patches of 4 pixels.
    """
    if not timm.is_model(name):
        close = difflib.get_close_matches(name, timm.list_models(), n=1)
        hint = f"Did you mean 'timm:{close[0]}'? " if close else ""
        raise ToolkitError(f"timm has no network '{name}'. {hint}timm.list_models() lists them.")
    complaint = ""
    # those with position embeddings must know the size of the image, others take no such argument
    for size in ({"img_size": SIDE, "patch_size": 4}, {"img_size": SIDE}, {}):
        try:
            network = TimmNetwork(timm.create_model(name, in_chans=1, num_classes=classes, drop_rate=dropout, **size))
            try_out(network, classes)
            return network
        except Exception as error:  # timm's networks raise whatever they please
            complaint = str(error)[:150]
    raise ToolkitError(
        f"timm's {name} cannot be built for one channel of {SIDE}x{SIDE} pixels: {complaint} Choose another."
    )
