"""What keeps a GPU busy: Python starts one graph instead of hundreds of kernels."""

import torch
from fastai.callback.core import Callback, CancelBatchException

from toolkit.data.recorded import recorded
from toolkit.training.history import freely_named


@freely_named
class RecordedSteps(Callback):
    """Forward and backward pass as one CUDA graph: for networks whose Python does not decide from step to step.

    Of the events within a batch other callbacks see none.
    """

    order = 61  # the scheduler has set the rates
    run_valid = False

    def before_fit(self) -> None:
        self.parameters = list(self.model.parameters())
        self.replay = recorded(self.passes, list(self.model.buffers()))  # statistics of batch normalisation

    def before_batch(self) -> None:
        self.learn.pred, self.learn.loss, *gradients = self.replay(*self.xb, *self.yb)
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient
        self.opt.step()
        raise CancelBatchException

    def passes(self, images: torch.Tensor, labels: torch.Tensor) -> list[torch.Tensor | None]:
        """Logits, loss and gradients of a batch."""
        for parameter in self.parameters:
            parameter.grad = None
        logits = self.model(images).float()
        with torch.autocast(images.device.type, enabled=False):
            loss = self.loss_func(logits, labels)
            loss.backward()
        return [logits.detach(), loss.detach(), *(parameter.grad for parameter in self.parameters)]

    def after_fit(self) -> None:
        self.opt.zero_grad()
