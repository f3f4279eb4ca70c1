"""A published model: a folder with ``model.safetensors`` and ``model.json``. Data only, nothing to run."""

import difflib
import hashlib
import json
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from toolkit.classes import MOST
from toolkit.doors import read_file, read_json
from toolkit.errors import ToolkitError
from toolkit.models import all_arguments, build_model
from toolkit.models.own import is_own, source_sha256
from toolkit.paths import CHECKPOINTS, write_file

WEIGHTS = "model.safetensors"
CARD = "model.json"
MOST_SAID = 10_000  # letters of a network's arguments, and the largest number in an own network's
MOST_TENSORS = 10_000  # of parameters: timm's largest networks have 1,100
LARGEST = 2_000_000_000  # bytes of weights: far above any network for 28x28 images


@dataclass(frozen=True)
class ModelCard:
    """What is known of a model besides its weights: everything needed to rebuild, judge and repeat it."""

    name: str
    architecture: str
    arguments: dict[str, Any]
    classes: list[str]
    scores: dict[str, Any]  # name of the data: accuracy, n, interval, ...
    recipe: str
    options: dict[str, object]
    versions: dict[str, str]
    date: str = ""
    started_from: str = ""  # sha256 of the weights that were fine-tuned
    taught_by: str = ""  # sha256 of the weights of each teacher, with commas
    weights_sha256: str = ""
    source_sha256: str = ""  # of the file with the network, where it is not the toolkit's
    calibration: dict[str, Any] = field(default_factory=dict)  # what its probabilities are worth

    @property
    def least_evidence(self) -> float:
        """For an image that shows one of the classes no less may speak."""
        return float(self.calibration.get("least_evidence") or -math.inf)  # of 0 there is no less


def save_model(folder: Path, network: nn.Module, card: ModelCard) -> ModelCard:
    """Write ``network`` and ``card`` into ``folder``; returns the card with the weights' sha256."""
    content = save({name: tensor.contiguous() for name, tensor in network.state_dict().items()})
    weights = hashlib.sha256(content).hexdigest()
    card = replace(card, weights_sha256=weights, source_sha256=source_sha256(card.architecture))
    write_file(folder / WEIGHTS, content)
    write_file(folder / CARD, json.dumps(asdict(card), indent=1, default=str) + "\n")
    return card


@dataclass(frozen=True)
class ModelFiles:
    """A model's card and weights as they lay in ``folder``: they can be sent to where that is not."""

    folder: Path
    card: ModelCard
    weights: bytes


def read_model(name: str | Path) -> ModelFiles:
    """A published model by its name, or any model by its folder (such as a run's ``model``), not yet built.

    Raises ``ToolkitError`` when there is none, or when its weights are not the ones its card describes.
    """
    folder = find_model(name)
    try:
        card = read_json(folder / CARD, ModelCard)
        content = read_file(folder / WEIGHTS, LARGEST)
    except ToolkitError as error:
        raise ToolkitError(
            f"{folder} holds no readable model: {error}. Expected {CARD} and {WEIGHTS}; train it again."
        ) from error
    if hashlib.sha256(content).hexdigest() != card.weights_sha256:
        raise ToolkitError(f"{folder / WEIGHTS} is not {CARD}'s (sha256 differs). Restore it or train again.")
    return ModelFiles(folder, card, content)


def load_model(model: str | Path | ModelFiles, **arguments: Any) -> tuple[nn.Module, ModelCard]:
    """A model, by what ``read_model`` takes or returned, in eval mode, and its card.

    ``arguments`` replace those it was built with, such as ``dropout``; the card says so. Raises ``ToolkitError`` as
    ``read_model`` does, and when the weights do not fit the architecture.
    """
    files = model if isinstance(model, ModelFiles) else read_model(model)
    folder, content = files.folder, files.weights
    card = replace(files.card, arguments={**files.card.arguments, **arguments})
    if source_sha256(card.architecture) != card.source_sha256:
        raise ToolkitError(f"{card.architecture} is not as it was when {folder} was trained. Restore it or train anew.")
    _check_size(folder, card, len(content))
    network = build_model(card.architecture, len(card.classes), **card.arguments)
    try:
        network.load_state_dict(load(content))
    except (SafetensorError, RuntimeError) as error:
        raise ToolkitError(
            f"{folder / WEIGHTS} does not fit the architecture '{card.architecture}' of its {CARD}. "
            "Restore both files or train the model again."
        ) from error
    return network.eval(), card


def _check_size(folder: Path, card: ModelCard, size: int) -> None:
    """Refuse a card that asks for more than its weights hold, before memory or hours go into building it."""
    own = is_own(card.architecture)  # its Python need not work with shapes alone, but what it says itself is no threat
    usual = all_arguments(card.architecture) if own else {}
    said = json.dumps({name: value for name, value in card.arguments.items() if value != usual.get(name)})
    numbers = [float(number) for number in re.findall(r"\d+(?:\.\d*)?(?:e[+-]?\d+)?", said)]
    most = MOST_SAID if own else size  # a layer's neurons take a byte each, or more
    larger = len(said) >= MOST_SAID or max(numbers, default=0) >= most or len(card.classes) > MOST
    if not larger and not own:
        with torch.device("meta"), _few_tensors():  # shapes only
            sketch = build_model(card.architecture, len(card.classes), **card.arguments)
        larger = sum(tensor.numel() * tensor.element_size() for tensor in sketch.state_dict().values()) > size
    if larger:
        raise ToolkitError(f"{folder / CARD} describes a larger network than {WEIGHTS} holds. Restore both files.")


@contextmanager
def _few_tensors() -> Iterator[None]:
    """No network of more than ``MOST_TENSORS`` can be built: layer by layer even shapes take memory and time."""
    left = iter(range(MOST_TENSORS))

    def count(*_: object) -> None:
        if next(left, None) is None:
            raise ValueError(f"it has more than {MOST_TENSORS:,} tensors of parameters")

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()


def published_models() -> list[str]:
    """The names under ``checkpoints/``."""
    return sorted(card.parent.name for card in CHECKPOINTS.glob(f"*/{CARD}"))


def find_model(name: str | Path) -> Path:
    """The folder of a model given by name or path."""
    for folder in (CHECKPOINTS / name, Path(name), Path(name) / "model"):
        if (folder / CARD).is_file():
            return folder
    published = published_models()
    close = difflib.get_close_matches(str(name), published, n=1)
    hint = f"Did you mean '{close[0]}'? " if close else ""
    raise ToolkitError(
        f"There is no model '{name}'. {hint}Published are {', '.join(published) or 'none yet'}; "
        "a run's folder does as well."
    )
