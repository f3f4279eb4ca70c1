"""CUDA graphs: starting a GPU's small kernels one by one, from Python, takes longer than they run."""

from collections.abc import Callable, Sequence
from typing import Any

import torch


def recorded(function: Callable[..., Any], kept: Sequence[torch.Tensor] = ()) -> Callable[..., Any]:
    """``function`` of tensors on one GPU as a graph for each size of batch; a call overwrites the last one's results.

    Its Python runs while a graph is recorded, and not again: it must start the same kernels whatever the tensors hold,
    and wait for none. Recording leaves random states and the tensors ``kept`` as they were.
    """
    graphs: dict[int, tuple[torch.cuda.CUDAGraph, list[torch.Tensor], Any]] = {}

    def call(*inputs: torch.Tensor) -> Any:
        device, size = inputs[0].device, len(inputs[0])
        if size not in graphs:
            graph, own, before = torch.cuda.CUDAGraph(), [t.clone() for t in inputs], [t.clone() for t in kept]
            with torch.cuda.device(device), torch.random.fork_rng([device.index]):
                torch.cuda.synchronize()
                with torch.cuda.stream(torch.cuda.Stream()):  # libraries allocate at first calls, which no graph may
                    for _ in range(3):
                        function(*own)
                with torch.cuda.graph(graph):
                    graphs[size] = graph, own, function(*own)
            for tensor, value in zip(kept, before, strict=True):
                tensor.copy_(value)
        graph, own, results = graphs[size]
        for place, tensor in zip(own, inputs, strict=True):
            place.copy_(tensor)
        graph.replay()
        return results

    return call
