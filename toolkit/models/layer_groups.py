"""A network's layers as one counts them: from input to output, by name."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

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

    Without one, each part with parameters is a group, in the order of definition; of a sequence of sequences each.
    """
    members = _members(network)
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


def _members(network: nn.Module) -> list[list[str]]:
    """The names of each group's parameters."""
    matcher: Any = getattr(network, "group_matcher", None)  # nn.Module does not know which methods its subclasses have
    if matcher:
        from timm.models import group_parameters  # seconds to import

        by_depth = group_parameters(network, matcher(coarse=True))
        return [by_depth[depth] for depth in sorted(by_depth)]
    by_part = defaultdict(list)
    for name, _ in network.named_parameters():
        first, _, rest = name.partition(".")
        part = getattr(network, first)
        blocks = isinstance(part, nn.Sequential) and all(isinstance(block, nn.Sequential) for block in part)
        by_part[first, rest.partition(".")[0] if blocks else ""].append(name)
    return list(by_part.values())
