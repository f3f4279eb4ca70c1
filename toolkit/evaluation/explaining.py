"""Why a model read what it read: logits, the pixels that spoke, the nearest images that it was trained on.

Attribution is by integrated gradients: Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", 2017,
as Captum computes them. Along the way from a baseline to the image every pixel gets its share of what the difference
of two logits gains; all shares add up to that gain. It is the mean over two baselines. From a blank image only ink can
speak. From the mean of training images of the other class that look most alike, absent ink speaks too: a 1 is a 1
for lack of the bar of a 7. docs/explain.md has what both found on made digits, and what other methods did.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from captum.attr import IntegratedGradients
from torch import nn

from toolkit.data.labelled_images import LabelledImages
from toolkit.errors import ToolkitError
from toolkit.models.last_layer import see_features

NEAREST = 5
ALIKE = 10  # images of the other class, whose mean is a baseline
STEPS = 32  # from each baseline: the sum is right to 0.4 logits (benchmarks.explanations)


@dataclass(frozen=True)
class Known:
    """Training images and their features, float32 (N, F): what the last layer sees of each, scaled to length 1."""

    images: LabelledImages
    features: np.ndarray


@dataclass(frozen=True)
class Explanation:
    """Why ``image``, uint8 (28, 28), was read as the class ``answer`` and not as ``rival``, both places in ``classes``.

    ``attribution``, float32 (28, 28), is in logits: positive where a pixel speaks for the answer, negative for the
    rival. ``nearest`` are the known images nearest in the last hidden layer, the nearest first, ``places`` their
    places among all known ones, int64 (K,), and ``similarities`` the cosines of their features, float32 (K,).
    """

    image: np.ndarray
    classes: tuple[str, ...]
    logits: np.ndarray  # float32 (C,)
    answer: int
    rival: int
    attribution: np.ndarray
    nearest: LabelledImages
    places: np.ndarray
    similarities: np.ndarray

    def __str__(self) -> str:
        margin = self.logits[self.answer] - self.logits[self.rival]
        nearest = ", ".join(self.nearest.name(number) for number in range(len(self.nearest)))
        said = f"read as {self.classes[self.answer]}, its logit {margin:.1f} above that of {self.classes[self.rival]}"
        return f"{said}; nearest {nearest}" if nearest else said

    def as_record(self) -> dict[str, object]:
        """The same for JSON."""
        nearest = zip(map(self.nearest.name, range(len(self.nearest))), self.places, self.similarities, strict=True)
        return {
            "answer": self.classes[self.answer],
            "rival": self.classes[self.rival],
            "logits": dict(zip(self.classes, self.logits.tolist(), strict=True)),
            "nearest": [{"class": name, "place": int(at), "similarity": float(cosine)} for name, at, cosine in nearest],
            "pixels": self.image.tolist(),
            "attribution": self.attribution.tolist(),
        }


def know(network: nn.Module, images: LabelledImages) -> Known:
    """``images`` with their features, made once for many explanations."""
    return Known(images, see_features(network, images.images)[1])


def explain(
    network: nn.Module, classes: Sequence[str], image: np.ndarray, known: Known, against: str = ""
) -> Explanation:
    """Explain what ``network`` reads in ``image``, uint8 (28, 28) in normal form, one of its ``classes``.

    ``against`` names the rival, the runner-up if not given. Where no ``known`` image is of its class, absent ink does
    not speak. Raises ``ToolkitError`` where there is no ink, no such rival, or no last layer by timm's contract.
    """
    if not image.any():
        raise ToolkitError("There is no ink in this image, nothing to explain. Choose another.")
    logits, features = see_features(network, image[None, None])
    answer, rival = logits[0].topk(2).indices.tolist()
    if against:
        if against not in classes or against == classes[answer]:
            raise ToolkitError(
                f"{classes[answer]} was read, which cannot be held against {against!r}. "
                f"Name another of the model's classes: {', '.join(classes[:20])}."
            )
        rival = classes.index(against)
    baselines = [np.zeros(image.shape, np.float32), *_alike(known.images, classes[rival], image)]
    similarities = known.features @ features[0]
    places = np.argsort(-similarities, kind="stable")[:NEAREST]
    return Explanation(
        image,
        tuple(classes),
        logits[0].numpy(),
        answer,
        rival,
        _attribute(network, image, answer, rival, np.stack(baselines)),
        known.images.take(places),
        places,
        similarities[places],
    )


def _alike(known: LabelledImages, name: str, image: np.ndarray) -> list[np.ndarray]:
    """The mean, float32 (28, 28), of a class's images that look most like ``image``; none where there are none."""
    own = known.images[[known.classes[label] == name for label in known.labels], 0].astype(np.float32)
    flat = own.reshape(len(own), image.size)
    likeness = flat @ image.ravel() / np.maximum(np.linalg.norm(flat, axis=1), 1)
    return [own[np.argsort(-likeness, kind="stable")[:ALIKE]].mean(axis=0)] if len(own) else []


def _attribute(network: nn.Module, image: np.ndarray, answer: int, rival: int, baselines: np.ndarray) -> np.ndarray:
    def margin(images: torch.Tensor) -> torch.Tensor:
        logits = network(images)
        return logits[:, answer] - logits[:, rival]

    training = network.training
    network.eval()
    starts = torch.from_numpy(baselines)[:, None].to(next(network.parameters()).device)
    ends = torch.from_numpy(image.astype(np.float32)).to(starts.device).expand_as(starts)
    attribution = IntegratedGradients(margin).attribute(ends, baselines=starts, n_steps=STEPS)
    network.train(training)
    return attribution.detach().mean(dim=0)[0].cpu().float().numpy()
