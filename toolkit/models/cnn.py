"""A small convolutional network."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import nn

from toolkit.images.normal_form import SIDE
from toolkit.models.pixels import StandardisePixels

Norm = Callable[[int], nn.Module]  # of so many channels
# layer normalisation of an image's channels and pixels is group normalisation with a single group
NORMS: dict[str, Norm | None] = {
    "batch": nn.BatchNorm2d,
    "layer": lambda channels: nn.GroupNorm(1, channels),
    "none": None,
}


class CNN(nn.Module):
    """Blocks of 3x3 convolutions, each block halving the image, then one hidden layer.

    Input (N, 1, 28, 28) raw pixels, output (N, C) logits for C ``classes``. ``channels`` has one entry per block of
    so many ``convolutions``, ``norm`` (batch, layer, none) precedes their ReLU, ``dropout`` the last two layers.
    """

    def __init__(
        self,
        channels: tuple[int, ...] = (24, 48, 96),
        hidden: int = 128,
        dropout: float = 0.0,
        norm: str = "batch",
        convolutions: int = 2,
        classes: int = 10,
    ) -> None:
        super().__init__()
        if norm not in NORMS:
            raise ValueError(f"there is no norm '{norm}', only {', '.join(NORMS)}")
        self.pixels = StandardisePixels()
        self.blocks = nn.Sequential(*(_block(*sizes, NORMS[norm], convolutions) for sizes in pairwise((1, *channels))))
        side = SIDE // 2 ** len(channels)
        self.hidden = nn.Sequential(
            nn.Flatten(), nn.Dropout(dropout), nn.Linear(channels[-1] * side * side, hidden), nn.ReLU()
        )
        self.output = nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden, classes))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.output(self.hidden(self.blocks(self.pixels(images))))

    def get_classifier(self) -> nn.Module:
        """timm's contract: the layer that gives the logits."""
        return self.output[1]


def _block(inputs: int, outputs: int, norm: Norm | None, convolutions: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(convolutions):
        layers.append(nn.Conv2d(inputs, outputs, 3, padding=1, bias=norm is None))
        layers += [norm(outputs), nn.ReLU()] if norm else [nn.ReLU()]
        inputs = outputs
    # the largest of four first: the result is the same, and the last ReLU has a quarter of the work
    return nn.Sequential(*layers[:-1], nn.MaxPool2d(2), layers[-1])
