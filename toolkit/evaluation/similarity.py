"""How far training moved what a network sees: the features of each layer group, before and after."""

import math
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from toolkit.models.layer_groups import layer_groups
from toolkit.models.pixels import see_inputs

FEWEST = 4  # images from which similarity can be estimated


def group_features(network: nn.Module, images: np.ndarray) -> dict[str, torch.Tensor]:
    """What each layer group makes of raw pixels (N, 1, 28, 28): float32 (N, features), by the group's name.

    It is what the next group is given, so that a block's last sum and ReLU count; of the last group it is the logits.
    """
    groups = layer_groups(network)
    logits, seen = see_inputs(network, images, {before.name: after.modules[0] for before, after in pairwise(groups)})
    return {**seen, groups[-1].name: logits}


def linear_cka(first: torch.Tensor, second: torch.Tensor) -> float:
    """Linear CKA of two layers' features for the same N images, (N, F) and (N, G): 1 where nothing but scale and
    rotation differs, near 0 where they have nothing in common.

    Kornblith, Norouzi, Lee and Hinton, "Similarity of neural network representations revisited", 2019, with the
    unbiased estimate of Song et al. (2012) that Nguyen, Raghu and Kornblith (2021) use: by the usual one, features of
    twenty images are alike whatever they are. Raises ``ValueError`` for fewer than ``FEWEST`` images.
    """
    n = len(first)
    if n < FEWEST:
        raise ValueError(f"{n} images are too few to compare features, {FEWEST} are needed")
    if torch.equal(first, second):
        return 1.0  # frozen, even if it is the same for all images
    centred = [features.double() - features.double().mean(dim=0) for features in (first, second)]
    one, other = ((features @ features.T).fill_diagonal_(0) for features in centred)

    def shared(a: torch.Tensor, b: torch.Tensor) -> float:
        sums = a.sum(0) @ b.sum(0)
        return float((a * b).sum() + a.sum() * b.sum() / ((n - 1) * (n - 2)) - 2 * sums / (n - 2))

    return shared(one, other) / max(math.sqrt(shared(one, one) * shared(other, other)), 1e-12)
