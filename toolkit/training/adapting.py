"""Adapting a pre-trained network to a few images: which layers learn, at what rate, for how long."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from fastai.callback.schedule import Learner
from torch import nn

from toolkit.data.augment import augmentation
from toolkit.data.image_sets import ImageSets
from toolkit.data.labelled_images import LabelledImages
from toolkit.data.loaders import make_loaders
from toolkit.models.bundle import ModelCard, ModelFiles, load_model
from toolkit.models.last_layer import balance_new_classes, replace_last_layer
from toolkit.training.fit import fit_one_cycle, make_learner
from toolkit.training.freezing import Freezing, KeepFrozenInEval, freeze_all_but_last
from toolkit.training.history import Epoch
from toolkit.training.seeds import seed_everything
from toolkit.training.state import SavedState


@dataclass(frozen=True)
class Adaptation:
    """How a network is fine-tuned. ``layers`` counts from the output; ``None`` lets all of them learn.

    With ``head_epochs`` the last layer learns alone for so long before the others join it: Kumar, Raghunathan,
    Jones, Ma and Liang, "Fine-tuning can distort pretrained features and underperform out-of-distribution", 2022.
    """

    layers: int | None
    lr: float  # peak, of the last layer
    epochs: int = 20
    batch_size: int = 16
    layer_decay: float = 1.0  # an earlier layer's rate as a share of the next one's
    weight_decay: float = 0.01
    augment: float = 1.0
    head_epochs: int = 0
    head_lr: float = 0.0
    dropout: float | None = None  # the network's, which ``load_for`` is given; None for the model's own

    def in_batches(self, most: int) -> "Adaptation":
        """The same with ``most`` images in a batch, or fewer."""
        return replace(self, batch_size=min(self.batch_size, most))


FACTOR_NAMES = {"lr": "learning rate", "batch_size": "batch size", "augment": "augmentation"}  # where words differ

# rates at which benchmarks/writers.py found 80 digits best learned (docs/record.md), by the number of layers
ADAPTATIONS: dict[int | None, Adaptation] = {
    1: Adaptation(layers=1, lr=2e-2),
    2: Adaptation(layers=2, lr=1e-2),
    None: Adaptation(layers=None, lr=3e-3),
}


@dataclass(frozen=True)
class Start:
    """A network ready to learn some classes: the card of the model it comes from, and which classes that knew.

    ``new_layer`` says whether it got a new last layer, ``first_loss`` what that one's loss is on the training images.
    """

    network: nn.Module
    card: ModelCard
    kept: tuple[str, ...]
    new: tuple[str, ...]
    new_layer: bool
    first_loss: float

    def __str__(self) -> str:
        if not self.new_layer:
            return "as it is: the model knows just these classes"
        said = f"new, for {len(self.kept) + len(self.new)} classes instead of {len(self.card.classes)}"
        if self.new and self.kept:
            said += f"; known before: {', '.join(self.kept[:20])}" + (", ..." if len(self.kept) > 20 else "")
        chance = math.log(len(self.kept) + len(self.new))
        return f"{said}; first loss {self.first_loss:.3f} nats (chance: {chance:.3f})"


def load_for(model: str | Path | ModelFiles, training: LabelledImages, dropout: float | None = None) -> Start:
    """A published model, or a run's, with a last layer for the classes of ``training``.

    Classes that both know keep their weights; new ones start such that the first loss is not worse than chance.
    ``dropout`` replaces the model's own. The network stays as it is where the classes are the model's own.
    """
    network, card = load_model(model, **({} if dropout is None else {"dropout": dropout}))
    classes, new_layer = training.classes, training.classes != tuple(card.classes)
    kept = tuple(replace_last_layer(network, card.classes, classes))
    loss = balance_new_classes(network, training.images, training.labels, kept, classes) if new_layer else math.nan
    return Start(network, card, kept, tuple(name for name in classes if name not in kept), new_layer, loss)


def make_adapting_learner(
    network: nn.Module, sets: ImageSets, how: Adaptation, seed: int, device: torch.device
) -> tuple[Learner, Freezing]:
    """A Learner in which only the layers that ``how`` names learn; fixes every random state by ``seed``."""
    seed_everything(seed)
    freezing = freeze_all_but_last(network, how.layers)
    loaders = make_loaders(sets.training, sets.validation, how.batch_size, seed, device, augmentation(how.augment))
    groups, keep = [group.parameters() for group in freezing.learning], [KeepFrozenInEval(freezing)]
    return make_learner(network, loaders, keep, groups, how.weight_decay), freezing


def layer_rates(freezing: Freezing, how: Adaptation) -> list[float]:
    """The peak rate of each learning layer group, from input to output."""
    return [how.lr * how.layer_decay**distance for distance in reversed(range(len(freezing.learning)))]


def adapt(
    network: nn.Module,
    sets: ImageSets,
    how: Adaptation,
    seed: int,
    device: torch.device,
    saved: SavedState | None = None,
) -> list[Epoch]:
    """Fine-tune ``network`` in place, quietly; it keeps the weights of the last epoch. ``saved`` as in ``fit``.

    The same ``seed`` gives the same order of images whatever ``how`` says: two ways can be compared pair by pair.
    """
    history = []
    if how.head_epochs:
        head = replace(how, layers=1, lr=how.head_lr, epochs=how.head_epochs, head_epochs=0)
        before = replace(saved, folder=saved.folder / "head") if saved else None
        history = adapt(network, sets, head, seed, device, before)
    learner, freezing = make_adapting_learner(network, sets, how, seed, device)
    after = fit_one_cycle(learner, how.epochs, layer_rates(freezing, how), show_progress=False, saved=saved)
    return history + [replace(row, epoch=len(history) + row.epoch) for row in after]
