import pytest
import torch

from toolkit.data.augment import Augmentation
from toolkit.data.recorded import recorded

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need a GPU")


def test_a_recorded_function_computes_what_it_computed():
    double = recorded(lambda tensor: (2 * tensor, tensor.sum(0)))
    for size in (8, 7, 8, 7):
        tensor = torch.rand(size, 5, device="cuda")
        for found, expected in zip(double(tensor), (2 * tensor, tensor.sum(0)), strict=True):
            assert torch.equal(found, expected)


def test_what_it_draws_differs_and_follows_the_seed():
    images = torch.rand(8, 1, 28, 28, device="cuda") * 255
    augment = recorded(Augmentation())
    torch.manual_seed(1)
    first, second = augment(images).clone(), augment(images).clone()
    torch.manual_seed(1)
    assert not torch.equal(first, second)
    assert torch.equal(augment(images), first)
    torch.manual_seed(1)
    assert torch.equal(Augmentation()(images), first)


def test_recording_leaves_what_is_to_be_kept():
    count = torch.zeros(1, device="cuda")
    add = recorded(count.add_, [count])
    for expected in (1, 2, 3):
        add(torch.ones(1, device="cuda"))
        assert count.item() == expected
