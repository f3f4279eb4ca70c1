"""What keeps a GPU busy: Python starts one kernel or one graph instead of hundreds of kernels."""

from typing import Any

import torch
from fastai.callback.core import Callback, CancelBatchException
from fastai.optimizer import Adam, Optimizer
from torch.optim.adamw import adamw

from toolkit.data.recorded import recorded
from toolkit.training.history import freely_named


def fused_adamw(groups: Any, **hypers: float) -> Optimizer:
    """fastai's AdamW with its state; a step is a few kernels, fastai's own are ten for each parameter."""
    optimizer = Adam(groups, decouple_wd=True, **hypers)

    @torch.no_grad()
    def step() -> None:
        for group, hyper in zip(optimizer.param_lists, optimizer.hypers, strict=True):
            for decays in (True, False):  # biases and normalisation do not
                rows = [(p, optimizer.state[p]) for p in group if p.grad is not None]
                rows = [(p, state) for p, state in rows if state.get("do_wd", True) is decays]
                for parameter, state in rows:
                    if not torch.is_tensor(state.get("step")):  # new, or saved on a CPU
                        state.update({name: torch.zeros_like(parameter) for name in ("grad_avg", "sqr_avg")} | state)
                        state["step"] = torch.tensor(float(state.get("step", 0)), device=parameter.device)
                names = "grad_avg", "sqr_avg", "step"
                averages, squares, steps = ([state[name] for _, state in rows] for name in names)
                how = {"lr": hyper["lr"], "beta1": hyper["mom"], "beta2": hyper["sqr_mom"], "eps": hyper["eps"]}
                how |= {"weight_decay": hyper["wd"] * decays, "fused": True, "amsgrad": False, "maximize": False}
                adamw([p for p, _ in rows], [p.grad for p, _ in rows], averages, squares, [], steps, **how)

    optimizer.step = step
    return optimizer


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
