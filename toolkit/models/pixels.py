"""The first layer of every network; pixels in, logits out, and a trial that it is so."""

import threading
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial

import numpy as np
import torch
from torch import nn

from toolkit.images.normal_form import SIDE

MNIST_MEAN = 33.3184  # of the 60,000 training images' pixels, 0..255
MNIST_STD = 78.5675
BATCH = 500  # only bounds memory: it changes no result


class StandardisePixels(nn.Module):
    """Raw pixels, uint8 or float in 0..255, to float32 with MNIST's mean 0 and standard deviation 1.

    It is part of the network, so that training, prediction and every export see the same numbers.
    """

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return (pixels.float() - MNIST_MEAN) / MNIST_STD


def predict_logits(network: nn.Module, images: np.ndarray) -> torch.Tensor:
    """Logits, float32 of shape (N, C) on the CPU, for raw pixels of shape (N, 1, 28, 28)."""
    device = next(network.parameters()).device
    was_training = network.training
    network.eval()
    with torch.inference_mode():
        batches = torch.from_numpy(images).split(BATCH)
        logits = torch.cat([network(batch.to(device)).float().cpu() for batch in batches])
    network.train(was_training)
    return logits


def see_inputs(
    network: nn.Module, images: np.ndarray, layers: Mapping[str, nn.Module]
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """``predict_logits``, and by name what each of ``layers`` was given, float32 (N, F); nothing for one unused."""
    seen: dict[str, list[torch.Tensor]] = {name: [] for name in layers}
    thread = threading.get_ident()

    def keep(name: str, _: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if threading.get_ident() == thread:  # a page may have the same network read something else meanwhile
            seen[name].append(inputs[0].flatten(1).float().cpu())

    with ExitStack() as hooks:
        for name, layer in layers.items():
            hooks.enter_context(layer.register_forward_pre_hook(partial(keep, name)))
        logits = predict_logits(network, images)
    return logits, {name: torch.cat(parts) for name, parts in seen.items() if parts}


def try_out(network: nn.Module, classes: int) -> None:
    """Run ``network`` once; raises ``ValueError`` unless it gives ``classes`` logits, or what it raises."""
    training = network.training
    network.eval()
    with torch.random.fork_rng(), torch.inference_mode():
        logits = network(torch.zeros(2, 1, SIDE, SIDE, dtype=torch.uint8))
    network.train(training)
    if not isinstance(logits, torch.Tensor) or logits.shape != (2, classes):
        shape = list(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise ValueError(f"two images gave {shape}, expected logits of shape [2, {classes}].")
