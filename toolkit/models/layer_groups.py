"""A network's layers as one counts them: from input to output, by name."""

from dataclasses import dataclass
from typing import Any

from timm.models import group_parameters
from torch import nn


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


def layer_groups(network: nn.Module) -> list[LayerGroup]:
    """The layer groups that ``network.group_matcher`` (timm's contract) forms, from input to output.

    Without one, each part of the network with parameters is a group, in the order of their definition.
    """
    matcher: Any = getattr(network, "group_matcher", None)  # nn.Module does not know which methods its subclasses have
    in_order = list(dict.fromkeys(name.partition(".")[0] for name, _ in network.named_parameters()))
    group_of = matcher(coarse=True) if matcher else lambda name: in_order.index(name.partition(".")[0])
    by_depth = group_parameters(network, group_of)
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
