"""fastai DataLoaders whose batches are sliced from tensors in memory.

A loader that decodes or transforms image by image is eight times slower on MNIST, and fastai's own training
loader drops the last partial batch; these visit every image exactly once per epoch.
"""

from collections.abc import Callable, Sequence

import torch
from fastai.data.core import DataLoaders
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler, TensorDataset

from toolkit.data.labelled_images import LabelledImages
from toolkit.errors import ToolkitError

VALIDATION_BATCH = 500  # only bounds memory: it changes no result


def make_loaders(
    training: LabelledImages,
    validation: LabelledImages,
    batch_size: int,
    seed: int,
    device: torch.device,
    augment: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> DataLoaders:
    """Batches (pixels, labels) for fastai's Learner, resident on ``device``.

    Pixels are uint8 (B, 1, 28, 28), or what ``augment`` makes of them; labels int64 (B,). The order of the
    training images is shuffled every epoch by a generator of its own, so it depends on ``seed`` alone.
    Raises ``ToolkitError`` when the training set does not fill one batch.
    """
    if not 1 <= batch_size <= len(training):
        raise ToolkitError(
            f"Batch size {batch_size} does not fit a training set of {len(training)} images. "
            f"Choose one from 1 to {len(training)}."
        )
    order = torch.Generator().manual_seed(seed)

    def loader(digits: LabelledImages, size: int, shuffled: bool) -> DataLoader:
        tensors = TensorDataset(torch.tensor(digits.images, device=device), torch.tensor(digits.labels, device=device))
        sampler = RandomSampler(tensors, generator=order) if shuffled else SequentialSampler(tensors)

        def collate(batch: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
            images, labels = batch
            return (augment(images) if augment and shuffled else images), labels

        # a sampler of index lists and batch_size=None: the dataset is asked for whole batches
        batches = BatchSampler(sampler, size, drop_last=False)
        return DataLoader(tensors, sampler=batches, batch_size=None, collate_fn=collate, generator=order)

    loaders = DataLoaders(
        loader(training, batch_size, shuffled=True), loader(validation, VALIDATION_BATCH, shuffled=False)
    )
    # torch's loaders have no .to(), which fastai's setter calls; without a device of its own, fastai would
    # move the model to the GPU whenever there is one
    loaders._device = device
    return loaders
