"""Reading single digits, letters or signs from image files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from toolkit.errors import ToolkitError
from toolkit.evaluation.scores import predict_logits
from toolkit.images.normal_form import normal_form
from toolkit.images.reading import read_grey
from toolkit.images.single_digit import isolate_ink
from toolkit.paths import atomic_write


@dataclass(frozen=True)
class Prediction:
    """What a model reads in one image: classes with their probabilities, the likeliest first."""

    path: Path
    top: tuple[tuple[str, float], ...]


USUAL_TOP = 3


def predict_files(
    network: nn.Module, classes: Sequence[str], paths: Sequence[Path], top: int | None = None
) -> list[Prediction]:
    """The ``top`` likeliest of ``classes`` for each photo or drawing of one; three, or all, if not given.

    Raises ``ToolkitError`` naming the first file that is no readable image.
    """
    top = min(USUAL_TOP, len(classes)) if top is None else top
    if not 1 <= top <= len(classes):
        raise ToolkitError(f"Cannot show the top {top} of {len(classes)} classes. Choose 1 to {len(classes)}.")
    images = np.stack([_read_digit(path) for path in paths])[:, None]
    likeliest = torch.softmax(predict_logits(network, images), dim=1).topk(top)
    return [
        Prediction(
            path, tuple((classes[label], probability) for label, probability in zip(labels, values, strict=True))
        )
        for path, labels, values in zip(paths, likeliest.indices.tolist(), likeliest.values.tolist(), strict=True)
    ]


def _read_digit(path: Path) -> np.ndarray:
    grey = read_grey(path)
    try:
        return normal_form(isolate_ink(grey))
    except ToolkitError as error:
        raise ToolkitError(f"{path}: {error}") from error


def write_submission(path: Path, logits: torch.Tensor, classes: Sequence[str]) -> Path:
    """Write the likeliest class of each image as Kaggle's "Digit Recognizer" wants it: ImageId from 1, Label."""
    with atomic_write(path) as temporary:
        lines = [f"{number},{classes[label]}\n" for number, label in enumerate(logits.argmax(1).tolist(), 1)]
        temporary.write_text("ImageId,Label\n" + "".join(lines), encoding="utf-8")
    return path
