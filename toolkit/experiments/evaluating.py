"""The four accuracies: the pre-trained model on MNIST and on your own test images, both fine-tuned ones on these."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from toolkit.classes import DIGITS
from toolkit.data.image_sets import ImageSets
from toolkit.data.labelled_images import LabelledImages
from toolkit.errors import ToolkitError
from toolkit.evaluation.scores import score
from toolkit.models.averaged import Averaged
from toolkit.models.bundle import CARD, ModelCard
from toolkit.paths import runs_folder
from toolkit.reporting.excel import ON_MNIST, ON_OWN, Result
from toolkit.runs import read_record
from toolkit.training.adapting import load_for

Models = Mapping[str | Path, tuple[nn.Module, ModelCard]]  # by the name or the run that each was loaded from


def check_runs(models: Models, model: str, last_layer: Path, more_layers: Path, classes: Sequence[str]) -> None:
    """Raise ``ToolkitError`` unless both runs fine-tuned ``model``, as it is now, for ``classes``, as they should."""
    several = ["finetune_two_layers", "finetune_all_layers"]
    for folder, recipes in ((last_layer, ["finetune_last_layer"]), (more_layers, several)):
        card = models[folder][1]
        if card.recipe not in recipes:
            raise ToolkitError(f"{folder} is a run of {card.recipe}. Name one of {' or '.join(recipes)}.")
        if card.started_from != models[model][1].weights_sha256:
            raise ToolkitError(
                f"{folder} was not fine-tuned from '{model}' as it is now. "
                "Name the model it started from (--model), or fine-tune again."
            )
        if tuple(card.classes) != tuple(classes):
            raise ToolkitError(f"{folder} was fine-tuned for other classes than these images have. Fine-tune again.")


def check_learned(folders: Sequence[Path], sets: ImageSets) -> None:
    """Raise ``ToolkitError`` where a run learned other images than ``sets``: those of their Test Set may be among them.

    What was handed in is no run any more and cannot be asked.
    """
    for folder in folders:
        run = folder.parent if (folder / CARD).is_file() else folder  # its "model" may be named as well
        if (run / "run.json").is_file() and read_record(run).get("sets_sha256") != sets.sha256():
            raise ToolkitError(
                f"{folder} was fine-tuned with other digits than these, perhaps with those of Test Set. Name a run "
                "with these (--last-layer, --more-layers), or fine-tune again."
            )


def unmeasured(known: Sequence[str], classes: Sequence[str]) -> dict[str, str]:
    """Which of the four accuracies cannot be measured, by the classes that the pre-trained model knows, and why."""
    absent = {}
    if tuple(known) != DIGITS:
        absent["pretrained_mnist"] = "the pre-trained model on MNIST: it was trained on other classes."
    if new := [name for name in classes if name not in known]:
        absent["pretrained_own"] = f"the pre-trained model on own images: it does not know {len(new)} of their classes."
    return absent


def measure(
    models: Models,
    places: Mapping[str, str | Path],
    training: LabelledImages,
    tests: Mapping[str, LabelledImages],
    device: torch.device,
    views: bool = False,
) -> list[Result]:
    """Score the models in ``places``, by the workbook's ``ENTRIES``, on those of ``tests``.

    With ``views`` each image is read five times (``Averaged``), and the models' names say so.
    """
    results = []
    for key, place in places.items():
        network, card = models[place]
        data = ON_MNIST if key == "pretrained_mnist" else ON_OWN
        if key == "pretrained_own":  # it may know classes beside these
            network = load_for(place, training).network
        # what is handed in does not tell where the runs lay
        name = str(Path(place)).removeprefix(f"{runs_folder()}{os.sep}")
        if views:
            network, name = Averaged([network]), f"{name}, five views"
        results.append(Result(key, name, data, score(network.to(device), tests[data]), card))
    return results
