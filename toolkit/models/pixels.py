"""The first layer of every network."""

import torch
from torch import nn

MNIST_MEAN = 33.3184  # of the 60,000 training images' pixels, 0..255
MNIST_STD = 78.5675


class StandardisePixels(nn.Module):
    """Raw pixels, uint8 or float in 0..255, to float32 with MNIST's mean 0 and standard deviation 1.

    It is part of the network, so that training, prediction and every export see the same numbers.
    """

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return (pixels.float() - MNIST_MEAN) / MNIST_STD
