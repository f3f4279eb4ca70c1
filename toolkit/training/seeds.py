"""Randomness: fixed once per run, and never spent by looking."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from fastai.torch_core import get_random_states, set_random_states, set_seed

from toolkit.errors import ToolkitError


def seed_everything(seed: int) -> None:
    """Fix Python's, NumPy's and torch's random states, with repeatable algorithms; ``seed`` is from 0 to 2**32 - 1."""
    if not 0 <= seed < 2**32:
        raise ToolkitError(f"The seed {seed} cannot be used. Choose one from 0 to {2**32 - 1}.")
    set_seed(seed, reproducible=True)


@contextmanager
def preserved_randomness(*generators: torch.Generator) -> Iterator[None]:
    """Afterwards every random state, and those of ``generators``, is what it was before."""
    everywhere, own = get_random_states(), [generator.get_state() for generator in generators]
    try:
        yield
    finally:
        set_random_states(**everywhere)
        for generator, state in zip(generators, own, strict=True):
            generator.set_state(state)
