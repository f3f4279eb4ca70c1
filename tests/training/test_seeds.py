import random

import numpy as np
import torch

from toolkit.training.seeds import preserved_randomness, seed_everything


def draw(generator):
    return random.random(), np.random.rand(), torch.rand(1).item(), torch.rand(1, generator=generator).item()


def test_looking_spends_no_randomness():
    generator = torch.Generator().manual_seed(0)
    seed_everything(0)
    with preserved_randomness(generator):
        draw(generator)
    after = draw(generator)
    generator.manual_seed(0)
    seed_everything(0)
    assert draw(generator) == after


def test_randomness_is_restored_after_an_error():
    seed_everything(0)
    expected = torch.rand(1).item()
    seed_everything(0)
    try:
        with preserved_randomness():
            torch.rand(3)
            raise ValueError
    except ValueError:
        pass
    assert torch.rand(1).item() == expected
