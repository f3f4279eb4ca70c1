"""Smith's learning-rate range test with fastai's finder, leaving no trace on the training after it."""

import math
from contextlib import suppress
from dataclasses import dataclass

import torch
from fastai.callback.schedule import Learner, LRFinder, ParamScheduler, minimum, steep, valley
from fastai.learner import Recorder

from toolkit.errors import ToolkitError
from toolkit.training.seeds import preserved_randomness

SKIPPED_START = 10  # iterations: the smoothed loss has not settled
SKIPPED_END = 5  # iterations: the loss explodes


@dataclass(frozen=True)
class LearningRates:
    """A finder's curve and what three of fastai's rules read off it.

    ``rates`` and ``losses`` are parallel, one entry per iteration shown; losses are training losses smoothed
    by fastai. A rule that finds nothing on the curve is absent from ``suggestions``.
    """

    rates: list[float]
    losses: list[float]
    suggestions: dict[str, float]

    @property
    def suggestion(self) -> tuple[str, float]:
        """The first rule that found something and its rate; a ``ToolkitError`` when none did."""
        for suggestion in self.suggestions.items():
            return suggestion
        raise ToolkitError(
            "The learning-rate finder saw the loss diverge at once, so there is no curve to read. "
            "Choose a rate yourself (--lr), or start from a model that fits the data better."
        )


def find_learning_rate(
    learner: Learner, lowest: float = 1e-6, highest: float = 10.0, iterations: int = 100
) -> LearningRates:
    """Train for ``iterations`` batches while the rate grows from ``lowest`` to ``highest``, then undo it.

    Weights, buffers, optimizer, order of the data and every random state are afterwards what they were, so
    training gives the same weights bit for bit with and without it. Small sets are walked through as
    often as needed. Raises ``ToolkitError`` for under 20 iterations, or rates that do not grow.
    """
    if iterations < 20:
        raise ToolkitError(f"{iterations} iterations make no curve. Choose 20 or more.")
    if not 0 < lowest < highest < math.inf:
        raise ToolkitError(f"The rates must grow from above 0: {lowest} is not below {highest}. Choose others.")
    # fastai's finder stops where the smoothed loss is four times its lowest. With few images a single easy batch
    # brings that about before the rates have grown: then once more, to the end
    found = _range_test(learner, lowest, highest, iterations, stop_early=True)
    return found if found.suggestions else _range_test(learner, lowest, highest, iterations, stop_early=False)


class _FinderInMemory(LRFinder):
    """fastai's own writes the weights to a file before and reads them after, which a full disk would end."""

    def before_fit(self) -> None:
        ParamScheduler.before_fit(self)
        self.best_loss = math.inf

    def after_fit(self) -> None:
        self.learn.opt.zero_grad()


def _range_test(learner: Learner, lowest: float, highest: float, iterations: int, stop_early: bool) -> LearningRates:
    weights = {name: tensor.clone() for name, tensor in learner.model.state_dict().items()}
    epochs = iterations // len(learner.dls.train) + 1
    recorder = Recorder()  # the losses' smoothed mean, which waits for a GPU at every step
    finder = _FinderInMemory(start_lr=lowest, end_lr=highest, num_it=iterations, stop_div=stop_early)
    with preserved_randomness(learner.dls.train.generator):
        try:
            with learner.no_logging():
                learner.fit(epochs, cbs=[recorder, finder])
        finally:
            learner.model.load_state_dict(weights)
            learner.opt = None
    rates = torch.tensor(recorder.lrs)
    losses = torch.tensor([float(loss) for loss in recorder.losses])
    finite = int(losses.isfinite().long().cumprod(0).sum())
    shown = slice(SKIPPED_START, min(finite, len(losses) - SKIPPED_END))
    rates, losses = rates[shown], losses[shown]
    suggestions = {}
    for rule in (valley, steep, minimum):  # fastai's own choice first
        with suppress(IndexError, RuntimeError, ValueError):  # the curve is too short for this rule
            suggestions[rule.__name__] = float(rule(rates, losses, iterations)[0])
    return LearningRates(rates.tolist(), losses.tolist(), suggestions)
