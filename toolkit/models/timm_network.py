"""Any of timm's networks for one channel and 28x28 pixels, by its name."""

import difflib
from collections.abc import Callable

import timm
import torch
from timm.models import group_parameters
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

    def group_matcher(self, coarse: bool = True) -> Callable[[str], int]:
        """timm's contract: the place of a parameter's layer group, from input to output."""
        own = self.network.group_matcher(coarse=coarse)  # type: ignore[operator]
        places = group_parameters(self.network, own, reverse=True)
        return lambda name: places[name.removeprefix("network.")]


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
