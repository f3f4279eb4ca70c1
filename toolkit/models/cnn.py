"""A small convolutional network."""

import torch
from torch import nn

from toolkit.models.pixels import StandardisePixels


class CNN(nn.Module):
    """Three blocks of two 3x3 convolutions, each halving the image, then one hidden layer.

    Input (N, 1, 28, 28) raw pixels, output (N, 10) logits. ``dropout`` precedes the last two layers.
    """

    def __init__(self, channels: tuple[int, ...] = (24, 48, 96), hidden: int = 128, dropout: float = 0.0) -> None:
        super().__init__()
        self.pixels = StandardisePixels()
        blocks = [_block(inputs, outputs) for inputs, outputs in zip((1, *channels), channels, strict=False)]
        self.blocks = nn.Sequential(*blocks)
        side = 28 // 2 ** len(channels)
        self.hidden = nn.Sequential(
            nn.Flatten(), nn.Dropout(dropout), nn.Linear(channels[-1] * side * side, hidden), nn.ReLU()
        )
        self.output = nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden, 10))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.output(self.hidden(self.blocks(self.pixels(images))))

    def group_matcher(self, coarse: bool = True) -> dict[str, str]:
        """timm's contract: which parameters form a layer group, from input to output."""
        return {"blocks": r"^blocks\.(\d+)", "hidden": r"^hidden"}


def _block(inputs: int, outputs: int) -> nn.Sequential:
    def convolution(inputs: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]

    return nn.Sequential(*convolution(inputs), *convolution(outputs), nn.MaxPool2d(2))
