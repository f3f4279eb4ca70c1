"""Reading digits, letters or signs: one to an image, or many on a page."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from toolkit.classes import DIGITS
from toolkit.data.sheets import NO_DIGIT
from toolkit.errors import NothingWrittenError, ToolkitError, naming
from toolkit.evaluation.calibration import SURE, evidence
from toolkit.evaluation.scores import predict_logits
from toolkit.images.box import Box
from toolkit.images.normal_form import normal_form
from toolkit.images.reading import read_grey
from toolkit.images.sheet import cut, find_rows, scan
from toolkit.images.single_digit import isolate_ink
from toolkit.models.bundle import ModelCard
from toolkit.paths import write_file

Top = tuple[tuple[str, float], ...]  # classes with their probabilities, the likeliest first


@dataclass(frozen=True)
class Answer:
    """What a model reads in one image; ``none`` where that is hardly one of its classes, or no ink at all."""

    top: Top
    none: bool = False

    @property
    def sure(self) -> bool:
        return not self.none and self.top[0][1] >= SURE

    def __str__(self) -> str:
        return self.top[0][0] + "?" * (not self.sure)

    def as_record(self) -> dict[str, object]:
        """What ``predict --json`` prints."""
        return {"top": dict(self.top), "sure": self.sure, "none": self.none}


@dataclass(frozen=True, eq=False)
class Found:
    """One of many on a photo: row and column count from 1; ``box`` is in pixels of the photo."""

    row: int
    column: int
    box: Box
    answer: Answer
    image: np.ndarray  # uint8 (28, 28), as the model sees it

    def as_record(self) -> dict[str, object]:
        """What ``predict --json`` prints."""
        return {"row": self.row, "column": self.column, "box": self.box, **self.answer.as_record()}


USUAL_TOP = 3


def predict_files(network: nn.Module, card: ModelCard, paths: Sequence[Path], top: int | None = None) -> list[Answer]:
    """The ``top`` likeliest classes of each photo or drawing of one; three, or all, if not given.

    A ``ToolkitError`` names a file that is no image.
    """
    images = {}
    for path in paths:
        with suppress(NothingWrittenError):
            images[path] = read_digit(path)
    read = dict(zip(images, likeliest(network, card, np.array([*images.values()]), top), strict=True))
    return [read.get(path, Answer((), none=True)) for path in paths]


def read_many(network: nn.Module, card: ModelCard, grey: np.ndarray, top: int | None = None) -> list[list[Found]]:
    """Row by row what is read on grey values, uint8 (H, W), of a page as it stands; nothing is promised.

    A model of digits leaves out what it takes for none. Raises ``ToolkitError`` where nothing is written.
    """
    digits = set(card.classes) <= set(DIGITS)
    sheet = scan(grey, dots=not digits)
    rows = find_rows(sheet, flat=not digits)
    if not rows:
        raise ToolkitError(
            "No writing was found. Expected dark writing on light paper, or the reverse; take the photo closer."
        )
    images = [cut(sheet, digit) for row in rows for digit in row]
    answers = iter(zip(images, likeliest(network, card, np.stack(images), top), strict=True))
    read = [[(sheet.in_photo(digit.box), *next(answers)) for digit in row] for row in rows]
    kept = [[one for one in row if not digits or one[2].top[0][1] >= NO_DIGIT] for row in read]
    return [
        [Found(number, column, box, own, image) for column, (box, image, own) in enumerate(row, 1)]
        for number, row in enumerate(filter(None, kept), 1)
    ]


def read_digit(path: Path) -> np.ndarray:
    """A photo or drawing of one digit in normal form, uint8 (28, 28); errors name the file."""
    grey = read_grey(path)
    with naming(path):
        return normal_form(isolate_ink(grey))


def likeliest(network: nn.Module, card: ModelCard, images: np.ndarray, top: int | None = None) -> list[Answer]:
    """The ``top`` likeliest classes of each image, uint8 (N, 28, 28); three, or all, if not given.

    For one that shows none of them less speaks than the ``card``'s ``least_evidence``.
    """
    classes = card.classes
    top = min(USUAL_TOP, len(classes)) if top is None else top
    if not 1 <= top <= len(classes):
        raise ToolkitError(f"Cannot show the top {top} of {len(classes)} classes. Choose 1 to {len(classes)}.")
    if not len(images):
        return []
    logits = predict_logits(network, images[:, None])
    found = torch.softmax(logits, dim=1).topk(top)
    nothing = evidence(logits) < card.least_evidence
    rows = zip(found.indices.tolist(), found.values.tolist(), nothing.tolist(), strict=True)
    return [
        Answer(tuple((classes[label], chance) for label, chance in zip(labels, chances, strict=True)), none)
        for labels, chances, none in rows
    ]


def verdict(answer: Answer, classes: Sequence[str]) -> str:
    """What is said beside an answer: nothing where it is sure."""
    none = "no digit" if set(classes) <= set(DIGITS) else "none of its classes"
    return none if answer.none else "" if answer.sure else "unsure"


def explain_verdicts(answers: Sequence[Answer], card: ModelCard) -> list[str]:
    """What the verdicts on ``answers`` are worth, where there are any."""
    said, calibration = [], card.calibration
    if any(not answer.sure and not answer.none for answer in answers):
        said.append(f"unsure: less than {SURE:.0%} probable.")
        if calibration:
            n, sure, wrong = (calibration[name] for name in ("n", "sure", "wrong_sure"))
            said[-1] += f" Of {n:,} held-out images {n - sure:,} were; of the {sure:,} others {wrong:,} were misread."
    if any(answer.none for answer in answers):
        said.append(f"{verdict(Answer((), none=True), card.classes)}: no ink, or hardly one of the model's classes.")
        if calibration.get("least_evidence") is not None:
            said[-1] += f" Of {calibration['n']:,} held-out images {calibration['false_alarms']:,} were taken for that."
    return said


def write_submission(path: Path, logits: torch.Tensor, classes: Sequence[str]) -> Path:
    """Write the likeliest class of each image as Kaggle's "Digit Recognizer" wants it: ImageId from 1, Label."""
    lines = [f"{number},{classes[label]}\n" for number, label in enumerate(logits.argmax(1).tolist(), 1)]
    return write_file(path, "ImageId,Label\n" + "".join(lines))
