import pytest
import torch

from toolkit.data.augment import Augmentation
from toolkit.data.loaders import make_loaders
from toolkit.errors import ToolkitError

CPU = torch.device("cpu")


@pytest.fixture
def make(examples):
    def make(batch_size=16, seed=0, augment=None):
        return make_loaders(examples["Training Set"], examples["Validation Set"], batch_size, seed, CPU, augment)

    return make


def order(loader) -> list[bytes]:
    return [image.numpy().tobytes() for images, _ in loader for image in images]


@pytest.mark.parametrize("batch_size", [1, 7, 64, 80])
def test_every_image_is_seen_once_per_epoch(make, examples, batch_size):
    loaders = make(batch_size)
    expected = sorted(image.tobytes() for image in examples["Training Set"].images)
    for _ in range(2):
        assert sorted(order(loaders.train)) == expected
    assert len(loaders.train) == -(-80 // batch_size)


def test_batches_are_raw_pixels_and_labels(make):
    images, labels = next(iter(make().train))
    assert (images.dtype, tuple(images.shape)) == (torch.uint8, (16, 1, 28, 28))
    assert (labels.dtype, tuple(labels.shape)) == (torch.int64, (16,))


def test_the_seeds_first_number_is_the_order(make, examples):
    expected = torch.randperm(80, generator=torch.Generator().manual_seed(3))
    images = examples["Training Set"].images[expected]
    assert order(make(seed=3).train) == [image.tobytes() for image in images]


def test_the_order_changes_with_epoch_and_seed_and_with_nothing_else(make):
    loaders, again = make(seed=1), make(seed=1)
    torch.rand(5)  # other randomness does not matter
    first, second = order(loaders.train), order(loaders.train)
    assert first != second
    assert [order(again.train), order(again.train)] == [first, second]
    assert order(make(seed=2).train) != first


def test_validation_is_neither_shuffled_nor_distorted(make, examples):
    loaders = make(augment=Augmentation())
    expected = [image.tobytes() for image in examples["Validation Set"].images]
    assert order(loaders.valid) == expected


@pytest.mark.parametrize("batch_size", [7, 32, 64])
def test_no_batch_is_smaller_than_the_others_by_more_than_one(make, batch_size):
    sizes = [len(labels) for _, labels in make(batch_size).train]
    assert max(sizes) <= batch_size
    assert min(sizes) >= max(sizes) - 1


@pytest.mark.parametrize("batch_size", [0, 81, -3])
def test_a_batch_larger_than_the_set_is_refused(make, batch_size):
    with pytest.raises(ToolkitError, match="Choose one from 1 to 80"):
        make(batch_size)
