"""Several networks as one, and several views of each image: the mean of their probabilities."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn

from toolkit.errors import ToolkitError
from toolkit.models.bundle import ModelCard, load_model

# rows and columns by which an image is shifted: normal form leaves at least a pixel of paper all around
VIEWS = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))


class Averaged(nn.Module):
    """Input (N, 1, 28, 28) raw pixels, output (N, C): the logarithms of what ``networks`` give on average.

    With ``views`` each of them reads every image five times, shifted by a pixel each way.
    """

    def __init__(self, networks: Sequence[nn.Module], views: bool = True) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.shifts = VIEWS if views else VIEWS[:1]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        views = [images.roll(shift, (2, 3)) for shift in self.shifts]
        return torch.stack([network(view).softmax(1) for network in self.networks for view in views]).mean(0).log()


def load_averaged(models: str, views: bool) -> tuple[nn.Module, ModelCard]:
    """The models that are named with commas between, as one network, and its card.

    One model alone, without ``views``, is what ``load_model`` gives; of several the card says what holds for all.
    Raises ``ToolkitError`` where they know different classes.
    """
    loaded = [load_model(name.strip()) for name in models.split(",")]
    network, card = loaded[0]
    if len(loaded) == 1 and not views:
        return network, card
    for _, other in loaded:
        if other.classes != card.classes:
            raise ToolkitError(f"{card.name} and {other.name} know different classes. Average models of the same ones.")
    name = " and ".join(other.name for _, other in loaded)
    weights = ",".join(other.weights_sha256 for _, other in loaded)
    card = replace(card, name=name, weights_sha256=weights, calibration={})
    return Averaged([one for one, _ in loaded], views).eval(), card
