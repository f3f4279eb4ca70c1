"""fastai DataLoaders whose batches are sliced from tensors in memory.

A loader that decodes or transforms image by image is eight times slower on MNIST, and fastai's own training
loader drops the last partial batch; these visit every image exactly once per epoch.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from fastai.data.core import DataLoaders
from torch.utils.data import DataLoader

from toolkit.data.labelled_images import LabelledImages
from toolkit.data.recorded import recorded
from toolkit.errors import ToolkitError
from toolkit.ranks import rank, world_size

Augment = Callable[[torch.Tensor], torch.Tensor]
VALIDATION_BATCH = 250  # only bounds memory: it changes no result; a GPU takes ten times as many


def make_loaders(
    training: LabelledImages,
    validation: LabelledImages,
    batch_size: int,
    seed: int,
    device: torch.device,
    augment: Augment | None = None,
) -> DataLoaders:
    """Batches (pixels, labels) for fastai's Learner, resident on ``device``.

    Pixels are uint8 (B, 1, 28, 28), or what ``augment`` makes of them; labels int64 (B,). No batch is larger than
    ``batch_size``. The order of the training images is shuffled every epoch by a generator of its own, so it depends
    on ``seed`` alone. Of several ranks each gets its share of every batch. Raises ``ToolkitError`` when the training
    set does not fill one batch, or a batch might hold too few images to share.
    """
    least = 2 * world_size() - 1  # of one image more than this two batches are made
    if not least <= batch_size <= len(training):
        raise ToolkitError(
            f"Batch size {batch_size} does not fit a training set of {len(training)} images. "
            f"Choose one from {least} to {len(training)}."
        )
    order = torch.Generator().manual_seed(seed)

    def loader(digits: LabelledImages, size: int, shuffled: bool) -> DataLoader:
        dataset: Any = _InMemory(digits, device, augment if shuffled else None)
        batches = _Batches(len(digits), size, order if shuffled else None, device)
        # a sampler of batches and batch_size=None: the dataset is asked for whole batches
        return DataLoader(dataset, sampler=batches, batch_size=None, collate_fn=tuple, generator=order)

    at_once = VALIDATION_BATCH * (10 if device.type == "cuda" else 1)
    loaders = DataLoaders(loader(training, batch_size, True), loader(validation, at_once, False))
    # torch's loaders have no .to(), which fastai's setter calls; without a device of its own, fastai would
    # move the model to the GPU whenever there is one
    loaders._device = device
    return loaders


class _InMemory:
    """A dataset for whole batches: ``index_select`` takes a tenth of the time that indexing with a list takes."""

    def __init__(self, digits: LabelledImages, device: torch.device, augment: Augment | None) -> None:
        self.images, self.labels = (torch.as_tensor(array, device=device) for array in (digits.stored, digits.labels))
        self.places = None if digits.places is None else torch.as_tensor(digits.places, device=device)
        graph = recorded(augment) if augment and device.type == "cuda" else None
        self.augment = (lambda images: graph(images).clone()) if graph else augment

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, indices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        places = indices if self.places is None else self.places.index_select(0, indices)
        images = self.images.index_select(0, places)
        return (self.augment(images) if self.augment else images), self.labels.index_select(0, indices)


def draw_batches(
    count: int, size: int, order: torch.Generator | None = None, device: torch.device | str = "cpu"
) -> tuple[torch.Tensor, ...]:
    """The indices of every batch of an epoch, in a new order each time if there is a generator to draw it.

    Their sizes differ by one at most. In a last batch of what is left over each image would weigh more: at a high
    rate, one step on 16 images after batches of 256 undoes much of an epoch.
    """
    indices = torch.arange(count) if order is None else torch.randperm(count, generator=order)
    return indices.to(device).tensor_split(math.ceil(count / size))


class _Batches:
    """The batches of ``draw_batches``, of which each rank gets its share."""

    def __init__(self, count: int, size: int, order: torch.Generator | None, device: torch.device) -> None:
        self.count, self.size, self.order, self.device = count, size, order, device
        self.first = 0  # batches left out of the next epoch: those before a training was cut off

    def __len__(self) -> int:
        return math.ceil(self.count / self.size)

    def __iter__(self) -> Iterator[torch.Tensor]:
        first, self.first = self.first, 0
        batches = draw_batches(self.count, self.size, self.order, self.device)[first:]
        # drawn by now, not with the first batch: torch's loader draws from the same generator in between.
        # Fewer images to validate with than ranks: all of them see all, which is the same mean
        return (b.tensor_split(world_size())[rank()] if len(b) >= world_size() else b for b in batches)
