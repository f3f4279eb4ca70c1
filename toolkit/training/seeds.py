"""Randomness: fixed once per run, and never spent by looking."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from toolkit.errors import ToolkitError


def seed_everything(seed: int) -> None:
    """Fix Python's, NumPy's and torch's random states and ask for repeatable algorithms.

    Raises ``ToolkitError`` for a seed outside 0 to 2**32 - 1, what all of them take.
    """
    if not 0 <= seed < 2**32:
        raise ToolkitError(f"The seed {seed} cannot be used. Choose one from 0 to {2**32 - 1}.")
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False


@contextmanager
def preserved_randomness(*generators: torch.Generator) -> Iterator[None]:
    """Afterwards every random state, and those of ``generators``, is what it was before."""
    python, numpy = random.getstate(), np.random.get_state()
    states = [generator.get_state() for generator in generators]
    with torch.random.fork_rng():
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
            for generator, state in zip(generators, states, strict=True):
                generator.set_state(state)
