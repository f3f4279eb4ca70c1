"""How many layers to fine-tune? The same data and seeds for every answer, and what the differences are worth."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from toolkit.data.image_sets import ImageSets
from toolkit.data.labelled_images import LabelledImages
from toolkit.doors import read_file, read_json
from toolkit.errors import ToolkitError
from toolkit.evaluation.records import Pair
from toolkit.evaluation.scores import predict_logits, score_logits
from toolkit.evaluation.similarity import FEWEST, group_features, linear_cka
from toolkit.evaluation.statistics import images_to_show, mcnemar, student_interval
from toolkit.models.bundle import LARGEST, ModelFiles, load_model, read_model
from toolkit.models.last_layer import replace_last_layer
from toolkit.models.layer_groups import layer_groups
from toolkit.paths import CHECKPOINTS, STATE, write_file
from toolkit.training.adapting import ADAPTATIONS, Adaptation, adapt, load_for
from toolkit.training.fit import LossNotFiniteError
from toolkit.training.state import SavedState
from toolkit.training.sweeps import RESULT, Job

LEARNED = "learned.safetensors"
NONE = "no fine-tuning"
VARIANTS: dict[str, Adaptation | None] = {
    NONE: None,
    "last layer": ADAPTATIONS[1],
    "last two layers": ADAPTATIONS[2],
    "all layers": ADAPTATIONS[None],
    "last, then all": replace(ADAPTATIONS[None], epochs=10, head_epochs=10, head_lr=ADAPTATIONS[1].lr),
}


def train_and_measure(
    network: nn.Module, sets: ImageSets, how: Adaptation | None, seed: int, saved: SavedState | None = None
) -> dict[str, Any]:
    """Fine-tune ``network`` in place on ``sets.training`` and measure it on ``sets.validation``.

    Returns ``right`` (0 or 1 for every measured image), ``loss`` at the end, ``losses`` and ``accuracies`` after
    every epoch; for each layer group ``moved``, how far its weights went as a share of their length, and ``cka``, how
    alike its features of the measured images are before and after (empty where these are too few to tell).
    """
    measured = sets.validation
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    seen = group_features(network, measured.images) if len(measured) >= FEWEST else {}
    history = adapt(network, sets, how, seed, torch.device("cpu"), saved) if how else []
    logits = predict_logits(network, measured.images)
    seen_now = group_features(network, measured.images) if seen else {}
    return {
        "right": (logits.argmax(1).numpy() == measured.labels).astype(int).tolist(),
        "loss": score_logits(logits, measured).loss,
        "losses": [row.validation_loss for row in history],
        "accuracies": [row.validation_accuracy for row in history],
        "moved": _moved(network, before),
        "cka": {name: linear_cka(seen[name], features) for name, features in seen_now.items()},
    }


def _moved(network: nn.Module, before: Mapping[str, torch.Tensor]) -> dict[str, float]:
    moved = {}
    for group in layer_groups(network):
        old = torch.cat([before[name].flatten() for name in group.tensors])
        new = torch.cat([tensor.detach().flatten() for tensor in group.parameters()])
        # a new last layer may start at zero: it moved by all of its length
        moved[group.name] = float((new - old).norm() / max(old.norm(), new.norm() if not old.any() else 0, 1e-12))
    return moved


def comparison_jobs(model: ModelFiles, seeds: int, sets: ImageSets) -> list[Job]:
    """A training for every way and seed; data and model are named by content, so that a changed one is trained anew."""
    published = model.folder.parent == CHECKPOINTS
    name = model.folder.name if published else str(model.folder.absolute())  # where load_trained looks for it
    return [
        {
            "way": way,
            "how": asdict(how.in_batches(len(sets.training))) if how else None,
            "seed": seed,
            "model": name,
            "weights": model.card.weights_sha256,
            "sets": sets.sha256(),
            "classes": list(sets.classes),
        }
        for way, how in VARIANTS.items()
        if how or set(sets.classes) <= set(model.card.classes)  # one that does not know them all must learn something
        for seed in range(seeds)
    ]


def train_and_keep(model: ModelFiles, sets: ImageSets, job: Job, place: Path) -> dict[str, Any]:
    """Do a comparison's job; what the network learned stays in ``place``, for the final evaluation."""
    before = _untrained(model, sets.classes).state_dict()
    network = load_for(model, sets.training).network
    how = Adaptation(**job["how"]) if job["how"] else None
    saved = SavedState(place / STATE, job)
    try:
        result = train_and_measure(network, sets, how, job["seed"], saved)
    except LossNotFiniteError as error:
        raise ToolkitError(
            f"{job['way']}, seed {job['seed']}: {error.what} Each way has its rate: choose another model (--model), or "
            "fine-tune this one at a lower rate (finetune_all_layers --lr)."
        ) from error
    learned = {name: tensor for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    write_file(place / LEARNED, save({name: tensor.contiguous() for name, tensor in learned.items()}))
    return result


def load_trained(place: Path) -> tuple[nn.Module, Job]:
    """The network that a comparison's job left in ``place``, and the job."""
    try:
        job = read_json(place / RESULT)["job"]
        learned = load(read_file(place / LEARNED, LARGEST))
    except (ToolkitError, SafetensorError, KeyError) as error:
        raise ToolkitError(f"{place} holds no training: {error}. Run compare_layers again.") from error
    model = read_model(job["model"])
    if model.card.weights_sha256 != job["weights"]:
        raise ToolkitError(f"{place} was not trained from '{job['model']}' as it is now. Run compare_layers again.")
    network = _untrained(model, job["classes"])
    network.load_state_dict({**network.state_dict(), **learned})
    return network, job


def _untrained(model: ModelFiles, classes: Sequence[str]) -> nn.Module:
    """The model with a last layer for these classes, which has not seen any image."""
    network, card = load_model(model)
    replace_last_layer(network, card.classes, classes)
    return network


def right_by_way(trained: Sequence[tuple[nn.Module, Job]], digits: LabelledImages) -> dict[str, np.ndarray]:
    """For each way the right answers to ``digits``, 0 or 1 of shape (seeds, images)."""
    right: dict[str, list[np.ndarray]] = {}
    for network, job in trained:
        read = predict_logits(network, digits.images).argmax(1).numpy()
        right.setdefault(job["way"], []).append((read == digits.labels).astype(int))
    return {way: np.array(answers) for way, answers in right.items()}


def accuracy_over_seeds(right: np.ndarray) -> dict[str, float]:
    """Mean, standard deviation and minimum over seeds of right answers, shape (seeds, images)."""
    accuracies = right.mean(axis=1)
    return {"mean": float(accuracies.mean()), "spread": float(_spread(accuracies)), "worst": float(accuracies.min())}


def _spread(values: np.ndarray) -> np.ndarray:
    """The standard deviation over seeds, the first axis, as of a sample; of one seed 0."""
    return values.std(axis=0, ddof=min(1, len(values) - 1))


def compare_pairs(right: Mapping[str, np.ndarray]) -> list[Pair]:
    """Every pair of ways, by their right answers: 0 or 1 of shape (seeds, images), the same ones in the same order."""
    pairs = []
    for (first, of_first), (second, of_second) in combinations(right.items(), 2):
        differences = of_second.mean(axis=1) - of_first.mean(axis=1)
        test = mcnemar(of_first.mean(axis=0) > 0.5, of_second.mean(axis=0) > 0.5)
        # the chance, for a seed and an image, that only one of the two is right
        images = images_to_show(float((of_first > of_second).mean()), float((of_second > of_first).mean()))
        low, high = student_interval(differences)
        interval = max(-1.0, low), min(1.0, high)  # no accuracy changes by more
        pairs.append(Pair(first, second, float(differences.mean()), interval, test, images))
    return pairs


def summarise(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One way over its seeds: accuracy (mean, spread, worst), loss, epochs to the best, spread of the curves, and how
    far weights (``moved``) and features (``cka``) went.

    ``results`` come from ``train_and_measure``. ``curve_spread`` is the standard deviation of the loss over seeds,
    averaged over the second half of the epochs: how much it matters when one stops.
    """
    curves = np.array([result["losses"] for result in results])
    trained = curves.shape[1] > 0
    return {
        **accuracy_over_seeds(right_answers(results)),
        "loss": float(np.mean([result["loss"] for result in results])),
        "epochs_to_best": float(np.median(curves.argmin(axis=1) + 1)) if trained else None,
        "curve_spread": float(_spread(curves[:, curves.shape[1] // 2 :]).mean()) if trained else None,
        **{
            fact: {name: float(np.mean([result[fact][name] for result in results])) for name in results[0][fact]}
            for fact in ("moved", "cka")
        },
    }


def right_answers(results: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """0 or 1 of shape (seeds, images)."""
    return np.array([result["right"] for result in results])
