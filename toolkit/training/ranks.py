"""One training on several processes, its ranks, each of which takes its share of every batch.

It goes as on one process: gradient and batch normalisation are the whole batch's, and so are the losses and the tally
that every rank is told, so that all decide alike. Accelerate, on which fastai.distributed builds, is left out: it deals
out batches by loaders of its own, and repeats images until all shares are equal.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from fastai.callback.core import Callback
from torch import distributed
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel
from torch.overrides import TorchFunctionMode

from toolkit.errors import ToolkitError
from toolkit.ranks import rank, world_size
from toolkit.training.history import Tally, freely_named

Found = TypeVar("Found")


@contextmanager
def joined(device: torch.device) -> Iterator[None]:
    """Lets the ranks reach each other; a process alone needs nothing. A ``ToolkitError`` where another rank is gone."""
    if world_size() == 1:
        yield
        return
    try:
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
        yield
        distributed.destroy_process_group()
    except RuntimeError as error:
        if not isinstance(error, distributed.DistError) and "gloo" not in str(error):
            raise
        ended = f"One of the {world_size()} processes is gone, which ends the others."
        raise ToolkitError(f"{ended} Repeat the command: it goes on where it stopped.") from error


def from_first(make: Callable[[], Found]) -> Found:
    """What ``make`` returns on the first rank, on all of them."""
    found: list[Any] = [None if rank() else make()]
    if world_size() > 1:
        distributed.broadcast_object_list(found)
    return found[0]


def from_all(own: Found) -> list[Found]:
    """What each rank holds, the first one's first."""
    found = [own] * world_size()
    if len(found) > 1:
        distributed.all_gather_object(found, own)
    return found


@freely_named
class TrainTogether(Callback):
    """Makes whole batches of the ranks' shares."""

    order = -5  # before whoever looks at the loss

    def before_fit(self) -> None:
        if rank():  # chance must not strike every rank's images alike
            torch.manual_seed(torch.initial_seed() + rank())
        self.network, self.norm = self.model, _NormaliseTogether()
        # static: a parameter that the network never uses is no error
        self.shared = DistributedDataParallel(self.model, forward_sync_buffers=False, static_graph=True)

    def before_batch(self) -> None:
        if self.training:  # only for the forward pass: to other callbacks the model is the network itself
            self.learn.model = self.shared
            self.norm.__enter__()

    def after_pred(self) -> None:
        if self.training:
            self.norm.__exit__(None, None, None)
            self.learn.model = self.network

    def after_loss(self) -> None:
        count = len(self.yb[0])
        sums = torch.stack([self.loss.detach() * count, self.loss.new_full((), count)])
        distributed.all_reduce(sums)
        self.learn.loss = sums[0] / sums[1]
        # the mean of the ranks' gradients will be taken, though their shares may differ by an image
        self.learn.loss_grad = self.loss_grad * (count * world_size() / sums[1])

    def before_validate(self) -> None:
        loss, correct, count = map(sum, zip(*from_all(self.history.tally.as_record()), strict=True))
        self.history.tally = Tally(loss, correct, count)

    after_epoch = before_validate

    def after_fit(self) -> None:
        del self.shared  # with its hooks on the parameters


class _NormaliseTogether(TorchFunctionMode):
    """Batch normalisation, whichever layer asks for it, is over all ranks' images.

    torch's own SyncBatchNorm knows GPUs only, and takes the place of timm's layers without their activation.
    """

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        if function is functional.batch_norm and named.pop("training"):
            return _BatchNorm.apply(*args, *(named[name] for name in ("weight", "bias", "momentum", "eps")))
        return function(*args, **named)


class _BatchNorm(torch.autograd.Function):
    """Ioffe and Szegedy, 2015, with the mean and variance of all ranks' images."""

    @staticmethod
    def forward(context: Any, images: Any, means: Any, variances: Any, *given: Any) -> torch.Tensor:
        weight, bias, momentum, context.eps = given
        mean, var = torch.batch_norm_update_stats(images, None, None, 0.0)
        weight = torch.ones_like(mean) if weight is None else weight
        # float64: the mean of the squares and the square of the mean may be close to each other
        sums = torch.stack([torch.ones_like(mean), mean, var + mean**2]).double() * (images.numel() // len(mean))
        distributed.all_reduce(sums)
        total, mean = sums[0], sums[1] / sums[0]
        var = sums[2] / total - mean**2
        if means is not None:
            means.lerp_(mean.to(means), momentum)
            variances.lerp_((var * total / (total - 1)).to(means), momentum)
        mean, var = mean.to(weight), var.to(weight)
        context.save_for_backward(images, weight, mean, var, total.to(weight))
        return functional.batch_norm(images, mean, var, weight, bias, False, 0.0, context.eps)

    @staticmethod
    def backward(context: Any, gradient: torch.Tensor) -> Any:
        images, weight, mean, var, total = context.saved_tensors
        constants = images, weight, mean, var, None, None, False, context.eps, [True] * 3
        of_images, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(gradient, *constants)
        sums = torch.stack([of_weight, of_bias])
        distributed.all_reduce(sums)
        # the part that goes through mean and variance is linear in the images: a normalisation again
        slope, offset = sums * weight / (var + context.eps).sqrt() / total
        of_images -= functional.batch_norm(images, mean, var, slope, offset, False, 0.0, context.eps)
        affine = context.needs_input_grad[3]
        return of_images, None, None, of_weight if affine else None, of_bias if affine else None, None, None
