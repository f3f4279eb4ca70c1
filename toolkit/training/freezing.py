"""Deciding which layers learn, so that the others stay exactly as they are."""

from dataclasses import dataclass

from fastai.callback.core import Callback
from torch import nn

from toolkit.errors import ToolkitError
from toolkit.models.layer_groups import LayerGroup, layer_groups
from toolkit.training.history import freely_named


@dataclass(frozen=True)
class Freezing:
    """Which layer groups learn and which are frozen, both from input to output."""

    learning: tuple[LayerGroup, ...]
    frozen: tuple[LayerGroup, ...]

    def __str__(self) -> str:
        def said(groups: tuple[LayerGroup, ...]) -> str:
            if not groups:
                return "nothing"
            count = sum(parameter.numel() for group in groups for parameter in group.parameters())
            return f"{', '.join(group.name for group in groups)} ({count:,} parameters)"

        return f"learning: {said(self.learning)}; frozen: {said(self.frozen)}"


def freeze_all_but_last(network: nn.Module, layers: int | None) -> Freezing:
    """Let the last ``layers`` layer groups learn, all for ``None``, and freeze the rest.

    To be called before a Learner is made: its optimizer takes what requires a gradient then. Raises
    ``ToolkitError`` when the network has fewer groups.
    """
    groups = tuple(layer_groups(network))
    count = len(groups) if layers is None else layers
    if not 1 <= count <= len(groups):
        raise ToolkitError(
            f"Cannot fine-tune the last {count} layers: this model has {len(groups)} "
            f"({', '.join(group.name for group in groups)}). Choose 1 to {len(groups)}."
        )
    frozen, learning = groups[:-count], groups[-count:]
    network.requires_grad_(False)
    for group in learning:
        for parameter in group.parameters():
            parameter.requires_grad_(True)
    return Freezing(learning, frozen)


@freely_named
class KeepFrozenInEval(Callback):
    """Keeps frozen layers with parameters in eval mode, or batch normalisation would update its statistics."""

    order = -5  # after fastai's TrainEvalCallback has put the whole model into training mode

    def __init__(self, freezing: Freezing) -> None:
        super().__init__()
        self.freezing = freezing

    def before_train(self) -> None:
        for group in self.freezing.frozen:
            for module in group.modules:
                module.training = False  # not eval(): what lies within may belong to a group that learns
