"""What a model that never saw a hand misreads in it, how often alike, and where the ink lies that misleads it."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from toolkit.data.labelled_images import LabelledImages
from toolkit.errors import ToolkitError
from toolkit.evaluation.explaining import Explanation, explain, know
from toolkit.evaluation.scores import predict_logits, score_logits

HALVES = {"upper half": np.s_[:14], "lower half": np.s_[14:], "left half": np.s_[:, :14], "right half": np.s_[:, 14:]}
MOST = 40  # explained, of the commonest mistakes


@dataclass(frozen=True, eq=False)
class Mistakes:
    """The mistakes on ``n`` images.

    ``pairs`` holds the true class, the one read, how often, and of how many images of that class, the commonest first.
    ``explained`` follows them, each explanation holding the class read against the true one; it is empty for a network
    whose last layer ``explain`` does not know. ``sure`` is the mean probability of what was read where it was right
    and where it was wrong, 0 where there are none.
    """

    n: int
    pairs: Sequence[tuple[str, str, int, int]]
    explained: Sequence[Explanation]
    sure: tuple[float, float]

    def where(self, true: str, read: str) -> tuple[str, float]:
        """The half of the image with most of what spoke for ``read`` instead of ``true``, and its share of that."""
        alike = [one for one in self.explained if (one.classes[one.rival], one.classes[one.answer]) == (true, read)]
        spoke = [np.maximum(one.attribution, 0) for one in alike]
        each = [found / max(float(found.sum()), 1e-9) for found in spoke]
        shares = {name: float(np.mean([found[half].sum() for found in each])) for name, half in HALVES.items()}
        return max(shares.items(), key=lambda item: item[1])


def find_mistakes(network: nn.Module, images: LabelledImages) -> Mistakes:
    """The mistakes of ``network``, whose classes are those of ``images``."""
    logits = predict_logits(network, images.images)
    chances, read = (found.numpy() for found in torch.softmax(logits, dim=1).max(dim=1))
    wrong = read != images.labels
    counts = dict(zip(images.classes, images.class_counts().tolist(), strict=True))
    pairs = [(true, other, count, counts[true]) for true, other, count in score_logits(logits, images).confused()]
    order = [pair[:2] for pair in pairs]
    place = {i: order.index((images.name(i), images.classes[read[i]])) for i in np.flatnonzero(wrong).tolist()}
    ordered = sorted(place, key=lambda i: (place[i], -chances[i]))[:MOST]
    explained: list[Explanation] = []
    with suppress(ToolkitError):
        known = know(network, images)
        explained = [explain(network, images.classes, images.images[i, 0], known, images.name(i)) for i in ordered]
    right, mistaken = (float(part.mean()) if part.size else 0.0 for part in (chances[~wrong], chances[wrong]))
    return Mistakes(len(images), pairs, explained, (right, mistaken))
