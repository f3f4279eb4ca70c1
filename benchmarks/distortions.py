"""Which distortions of MNIST help to read other people's hands? ``python -m benchmarks.distortions``

A small network is trained on MNIST with the distortions that the published models are trained with, without one of
them, and with one more; it then reads held-out MNIST and all digits of fourteen writers whom it has never seen
(docs/data.md), without fine-tuning. Choices were made on the held-out images and the writers of even numbers alone.
MNIST's test images take no part. A GPU is worth having: 39 trainings take it a minute or two.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import typer
from fastai.callback.core import Callback
from torch.nn import functional

from benchmarks.example_digits import WRITERS, writer_digits
from toolkit.data.augment import ANY_HAND, USUAL, Augmentation
from toolkit.data.labelled_images import LabelledImages
from toolkit.data.loaders import make_loaders
from toolkit.data.mnist import load_mnist
from toolkit.data.splits import hold_out
from toolkit.evaluation.scores import predict_logits
from toolkit.images.normal_form import BOX, MIDDLE, SIDE
from toolkit.models import build_model
from toolkit.paths import runs_folder
from toolkit.runs import machine
from toolkit.training.devices import choose_device
from toolkit.training.fit import Autocast, fit_one_cycle, make_learner
from toolkit.training.gpu import RecordedSteps
from toolkit.training.seeds import seed_everything
from toolkit.training.sweeps import Job, run_jobs

HELD_OUT = 5000
BATCH, RATE = 500, 4e-3


def shares(images: torch.Tensor, low: float = 0.0, high: float = 1.0) -> torch.Tensor:
    """A number for every image, (N, 1, 1, 1)."""
    return torch.empty(len(images), 1, 1, 1, device=images.device).uniform_(low, high)


def lattice(side: int, device: torch.device, reach: float = 1.0) -> torch.Tensor:
    """Where the middles of pixels lie, (side, side, 2) as x and y, from -reach to reach."""
    line = ((2 * torch.arange(side, device=device) + 1) / side - 1) * reach
    return torch.stack(torch.meshgrid(line, line, indexing="xy"), -1)


def segment(images: torch.Tensor, longest: float, widest: float) -> torch.Tensor:
    """A straight piece of a line anywhere on each image, (N, 1, 28, 28), 1 where it is."""
    start = torch.cat([shares(images, -0.7, 0.7), shares(images, -0.7, 0.7)], -1)
    along = torch.cat([shares(images, -longest, longest), shares(images, -longest, longest)], -1)
    place = lattice(SIDE, images.device) - start
    part = ((place * along).sum(-1) / (along**2).sum(-1).clamp(min=1e-6)).clamp(0, 1)
    distance = (place - part[..., None] * along).norm(dim=-1)
    return (0.5 + SIDE / 2 * (shares(images, 0.02, widest)[..., 0] - distance)).clamp(0, 1)[:, None]


def thickness(images: torch.Tensor) -> torch.Tensor:
    """Strokes up to a pixel thicker, or half a pixel thinner, on each side."""
    amount = shares(images, -0.8, 0.8)
    thick, thin = functional.max_pool2d(images, 3, 1, 1), -functional.max_pool2d(-images, 3, 1, 1)
    return images + amount.clamp(0, 1) * (thick - images) + (-amount).clamp(0, 0.5) * (thin - images)


def gaps(images: torch.Tensor) -> torch.Tensor:
    """A stroke broken in three of ten images."""
    return images * (1 - (shares(images) < 0.3) * segment(images, 0.25, 0.14))


def specks(images: torch.Tensor) -> torch.Tensor:
    """A speck, or what is left of a line, in half of the images."""
    return torch.maximum(images, 255 * (shares(images) < 0.5) * segment(images, 0.15, 0.08))


def stretch(images: torch.Tensor) -> torch.Tensor:
    """One half of the image longer than the other, by half at most, in either direction."""
    place = lattice(SIDE, images.device)
    amounts = torch.cat([shares(images, -0.2, 0.2), shares(images, -0.2, 0.2)], -1)
    return functional.grid_sample(images, place + amounts * (1 - place**2), align_corners=False)


def normal_form(images: torch.Tensor) -> torch.Tensor:
    """Back into MNIST's normal form, to about half a pixel."""
    line = lattice(SIDE, images.device)[0, :, 0]
    grey = images[:, 0]
    inked = grey > 0.1 * grey.amax((1, 2), keepdim=True)
    sides, middles = [], []
    for axis in (1, 2):
        some = inked.any(axis)
        sides.append(torch.where(some, line, -2).amax(1) - torch.where(some, line, 2).amin(1) + 2 / SIDE)
        middles.append((grey.sum(axis) * line).sum(1) / grey.sum((1, 2)).clamp(min=1))
    size = torch.maximum(*sides) / (2 * BOX / SIDE)
    place = lattice(SIDE, images.device) - ((2 * MIDDLE + 1) / SIDE - 1)
    return functional.grid_sample(
        images, torch.stack(middles, -1)[:, None, None] + place * size[:, None, None, None], align_corners=False
    )


EXTRAS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "strokes thicker or thinner": thickness,
    "gaps": gaps,
    "specks": specks,
    "one half longer": stretch,
    "normal form again": normal_form,
}
WAYS: dict[str, tuple[Augmentation, str | None]] = {
    "as published": (ANY_HAND, None),
    "as when fine-tuning": (USUAL, None),
    "nothing": (Augmentation(0, 0, 0, 0, 0), None),
    "without shear": (replace(ANY_HAND, shear=0.0), None),
    "without turns, shifts and scaling": (replace(ANY_HAND, degrees=0.0, shift=0.0, scale=0.0), None),
    "without bends": (replace(ANY_HAND, bend=0.0), None),
    "without blur": (replace(ANY_HAND, blur=0.0), None),
    "without redrawn edges": (replace(ANY_HAND, redraw=0.0), None),
    "without grain": (replace(ANY_HAND, grain=0.0), None),
    **{f"and {name}": (ANY_HAND, name) for name in EXTRAS},
}


@dataclass(frozen=True)
class Both:
    """The distortion of a way, then its extra."""

    way: str

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        usual, extra = WAYS[self.way]
        distorted = usual(images)
        return EXTRAS[extra](distorted) if extra else distorted


def measure(
    training: LabelledImages, tested: Mapping[str, LabelledImages], job: Job, _: Path
) -> dict[str, dict[str, float]]:
    """Train one network; its share of right answers on each of the ``tested`` sets."""
    device, seed = choose_device("auto"), job["seed"]
    seed_everything(seed)
    network = build_model("cnn", 10, dropout=0.2).to(device)
    loaders = make_loaders(training, tested["held out"], BATCH, seed, device, Both(job["way"]))
    extras: list[Callback] = [Autocast(), RecordedSteps()] if device.type == "cuda" else []
    learner = make_learner(network, loaders, extras, weight_decay=0.05, label_smoothing=0.05)
    fit_one_cycle(learner, job["epochs"], [RATE], show_progress=False)
    answers = {name: predict_logits(network, digits.images).argmax(1).numpy() for name, digits in tested.items()}
    return {"right": {name: float((answers[name] == digits.labels).mean()) for name, digits in tested.items()}}


def main(seeds: int = 3, epochs: int = 6, processes: int | None = None, only: str = "") -> None:
    """Print a row for every way: means over seeds, with the standard deviation of the first two columns."""
    training, held_out = hold_out(load_mnist().training, HELD_OUT, 0)
    tested = {"held out": held_out, **{str(number): writer_digits(number) for number in range(WRITERS)}}
    ways = [way for way in WAYS if only in way]
    jobs = [{"way": way, "seed": s, "epochs": epochs, "mnist": training.sha256()} for s in range(seeds) for way in ways]
    work = partial(measure, training, tested)
    results: Sequence[Mapping[str, Any]] = run_jobs(work, jobs, runs_folder() / "distortions", "trainings", processes)
    print(f"CNN, {epochs} epochs, {seeds} seeds, {HELD_OUT:,} held out; {machine()}, {choose_device('auto')}")
    print("| distortion | held out | writers 0, 2, ... | writers 1, 3, ... | worst writer |\n|---|---|---|---|---|")
    for number, way in enumerate(ways):
        own = results[number :: len(ways)]
        table = 100 * np.array([list(result["right"].values()) for result in own])
        even, odd = table[:, 1::2].mean(1), table[:, 2::2].mean(1)
        print(
            f"| {way} | {table[:, 0].mean():.2f} ± {table[:, 0].std():.2f} % | {even.mean():.2f} ± {even.std():.2f} % "
            f"| {odd.mean():.2f} ± {odd.std():.2f} % | {table[:, 1:].mean(0).min():.1f} % |"
        )


if __name__ == "__main__":
    typer.run(main)
