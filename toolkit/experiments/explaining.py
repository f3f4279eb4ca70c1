"""Explaining image files, or what a run's model misread: among which training images, against which class."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from toolkit.classes import DIGITS, things
from toolkit.data.image_sets import load_sets
from toolkit.data.labelled_images import LabelledImages
from toolkit.data.mnist import is_cached, load_mnist
from toolkit.errors import ToolkitError
from toolkit.evaluation.explaining import Explanation, explain, know
from toolkit.evaluation.prediction import read_digit
from toolkit.evaluation.scores import predict_logits
from toolkit.models.bundle import ModelCard, load_model
from toolkit.paths import ROOT
from toolkit.runs import read_record

OF_MNIST = 5_000  # training images, whose features take about 4 s on one core
MOST = 20  # misread images explained

Explained = tuple[list[tuple[str, Explanation]], str]  # each with a name, and a sentence on all of them


def explain_files(paths: Sequence[Path], model: str, against: str = "", digits: Path | None = None) -> Explained:
    """Explain what ``model`` reads in photos or drawings of one digit each, as ``explain`` does."""
    network, card = load_model(model)
    images = [(path, read_digit(path)) for path in paths]
    training, said = training_images(card, digits)
    known = know(network, training)
    return [(str(path), explain(network, card.classes, image, known, against)) for path, image in images], said


def explain_misread(run: Path, digits: Path | None = None) -> Explained:
    """Explain what a run's model misread of its Validation Set, against what it is: the highest logits first.

    Raises ``ToolkitError`` where the sets in ``digits``, the run's own if not given, are not those of the run.
    """
    record = read_record(run)
    network, card = load_model(run)
    place = _place(card, digits)
    sets = load_sets(place)
    if record.get("sets_sha256") != sets.sha256():
        raise ToolkitError(f"{run} was not fine-tuned with the sets in {place}. Name its own with --digits.")
    shown = sets.validation
    logits = predict_logits(network, shown.images).numpy()
    wrong = np.flatnonzero(logits.argmax(axis=1) != shown.labels)
    more = f", the {MOST} surest explained" if len(wrong) > MOST else ""
    said = f"{len(wrong) or 'none'} of {len(shown)} {things(shown.classes)} in Validation Set misread{more}"
    surest = wrong[np.argsort(-logits[wrong].max(axis=1), kind="stable")][:MOST]
    known = know(network, sets.training)
    named = [(shown.name(i), explain(network, card.classes, shown.images[i, 0], known, shown.name(i))) for i in surest]
    return named, f"{run}: {said}."


def training_images(card: ModelCard, digits: Path | None = None) -> tuple[LabelledImages, str]:
    """Among which images a model's nearest are looked for, and a sentence that says so.

    The Training Set in ``digits``; without it, that of a fine-tuned run. For other models of digits the first of
    MNIST's training images, where MNIST is in the cache.
    """
    if not digits and not card.started_from and tuple(card.classes) == DIGITS and is_cached():
        training = load_mnist().training.take(np.arange(OF_MNIST))
        return training, f"The nearest are from the first {OF_MNIST:,} of MNIST's training images."
    place = _place(card, digits)
    training = load_sets(place).training
    return training, f"The nearest are from the {len(training)} images of the Training Set in {place}."


def _place(card: ModelCard, digits: Path | None) -> Path:
    own = card.options.get("digits") if card.started_from else None
    return digits or Path(str(own or ROOT))
