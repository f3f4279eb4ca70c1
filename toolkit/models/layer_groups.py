"""A network's layers as one counts them: from input to output, by name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from timm.models import group_parameters
from torch import nn

from toolkit.errors import ToolkitError


@dataclass(frozen=True)
class LayerGroup:
    """Layers that are frozen or trained together: ``tensors`` maps the full name of each parameter to itself.

    ``modules`` are those that own them, without what lies within these.
    """

    name: str
    tensors: dict[str, nn.Parameter]
    modules: tuple[nn.Module, ...]

    def parameters(self) -> list[nn.Parameter]:
        return list(self.tensors.values())

    def parameter_count(self) -> int:
        return sum(p.numel() for p in self.parameters())


def layer_groups(network: nn.Module) -> list[LayerGroup]:
    """The layer groups that ``network.group_matcher`` (timm's contract) forms, from input to output.

    Without one, each part of the network with parameters is a group, in the order of their definition.
    """
    matcher: Any = getattr(network, "group_matcher", None)  # nn.Module does not know which methods its subclasses have
    by_depth = group_parameters(network, matcher(coarse=True) if matcher else _by_definition(network))
    members = [by_depth[depth] for depth in sorted(by_depth)]
    parts = [[path.removeprefix("network.").split(".") for path in paths] for paths in members]
    names = ["+".join(dict.fromkeys(first for first, *_ in group)) for group in parts]
    return [
        LayerGroup(
            # several groups may be parts of one: hidden.0, hidden.1
            f"{name}.{group[0][1]}" if names.count(name) > 1 else name,
            {path: network.get_parameter(path) for path in paths},
            tuple(network.get_submodule(owner) for owner in dict.fromkeys(path.rpartition(".")[0] for path in paths)),
        )
        for name, group, paths in zip(names, parts, members, strict=True)
    ]


def _by_definition(network: nn.Module) -> Callable[[str], int]:
    parts = list(dict.fromkeys(name.partition(".")[0] for name, _ in network.named_parameters()))
    return lambda name: parts.index(name.partition(".")[0])


def last_groups(network: nn.Module, count: int | None) -> list[LayerGroup]:
    """The last ``count`` layer groups, all for ``None``; a ``ToolkitError`` if there are fewer."""
    groups = layer_groups(network)
    if count is None:
        return groups
    if not 1 <= count <= len(groups):
        raise ToolkitError(
            f"Cannot fine-tune the last {count} layers: this model has {len(groups)} "
            f"({', '.join(group.name for group in groups)}). Choose 1 to {len(groups)}."
        )
    return groups[-count:]
