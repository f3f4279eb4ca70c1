"""A training's state on disk: what was cut off goes on from there and ends in the same bytes."""

import hashlib
import json
import random
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastai.callback.core import Callback
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from typing_extensions import TypedDict

from toolkit.doors import read_file
from toolkit.errors import ToolkitError
from toolkit.paths import write_file
from toolkit.ranks import rank, world_size
from toolkit.training.history import Epoch, KeepBest, Tally, freely_named
from toolkit.training.ranks import from_all, from_first

WITHIN_EPOCH = 60.0  # seconds after which an epoch's middle is saved too
AT_LEAST = 5.0  # seconds between two states
SHARE = 0.02  # of the time may go into saving: the next state waits until the last one's cost is less
GENERATIONS = 2  # a torn one falls back to the one before
LARGEST = 8_000_000_000  # bytes: four copies of the largest model


class _Facts(TypedDict):
    """What is no tensor. ``epoch`` counts completed ones, ``batch`` those of the next; numbers as JSON holds them."""

    of: Any
    epoch: int
    batch: int
    pct_train: float
    history: list[Epoch]
    tally: tuple[float, int, int] | None
    hypers: list[dict[str, float]]
    optimizer: list[dict[str, bool | int | float]]
    python: tuple[int, tuple[int, ...], float | None]
    numpy: tuple[str, list[int], int, int, float]


@dataclass
class SavedState:
    """Where a training keeps its state, and ``of`` what it is: the state of anything else is not taken.

    Afterwards ``seconds`` were spent on saving, and ``resumed`` says where the training went on, "" if it did not.
    """

    folder: Path
    of: Any
    seconds: float = 0.0
    resumed: str = ""

    def facts(self) -> dict[str, Any]:
        """What the run's record keeps."""
        return {"seconds_saving_state": round(self.seconds, 3), **({"resumed": self.resumed} if self.resumed else {})}

    def read(self) -> tuple[_Facts, dict[str, torch.Tensor]] | None:
        """The latest state that is whole and of this training."""
        from pydantic import TypeAdapter, ValidationError

        for path in sorted(self.folder.glob("*.safetensors"), reverse=True):
            try:
                content = read_file(path, LARGEST)
                if _name_end(content) not in path.name:
                    raise ToolkitError("torn")
                with safe_open(path, "pt") as opened:
                    facts = TypeAdapter(_Facts).validate_json(opened.metadata()["facts"])
                if facts["of"] == json.loads(json.dumps(self.of, default=str)):
                    return facts, load(content)
                reason = "is of other data or settings"
            except (ToolkitError, SafetensorError, ValidationError, KeyError, TypeError):
                reason = "is damaged"
            print(f"Passed over: {path} {reason}.", file=sys.stderr)
            path.unlink(missing_ok=True)
        return None

    def write(self, facts: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
        """Publish a generation, then drop the one before the last."""
        tensors = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
        content = save(tensors, {"facts": json.dumps(facts, default=str)})
        name = f"{facts['epoch']:06}-{facts['batch']:09}-{_name_end(content)}"
        write_file(self.folder / name, content)
        for old in sorted(self.folder.glob("*.safetensors"))[:-GENERATIONS]:
            old.unlink(missing_ok=True)


def _name_end(content: bytes) -> str:
    return f"{hashlib.sha256(content).hexdigest()[:32]}.safetensors"


@freely_named
class KeepState(Callback):
    """Saves a training's state as it goes, and begins with the state that is there.

    Saved are weights, optimizer, random states, order of the images, place in the schedule, history and best weights.
    Of several ranks the first reads and writes for all, and its clock decides, only after whole epochs.
    """

    order = 90  # after History and KeepBest, before PlainSGD goes through the batches

    def __init__(self, saved: SavedState, epochs: int, shown: bool) -> None:
        super().__init__()
        self.saved, self.epochs = saved, epochs
        self.state = from_first(saved.read)
        self.done, self.batch = (self.state[0]["epoch"], self.state[0]["batch"]) if self.state else (0, 0)
        if self.state:
            within = f" and {self.batch} batches" if self.batch else ""
            saved.resumed = f"after epoch {self.done}{within}"
            if shown:
                print(f"Goes on {saved.resumed} of {epochs}.", flush=True)

    def before_fit(self) -> None:
        self.first, self.last_saved, self.wait = self.done, time.perf_counter(), AT_LEAST
        self.learn.n_epoch -= self.first  # fastai counts from 0 what is left of the ``epochs``
        self.best: KeepBest | None = getattr(self.learn, "keep_best", None)
        if self.state:
            self._restore(*self.state)

    def before_epoch(self) -> None:
        self.learn.epoch += self.first
        self.learn.n_epoch = self.epochs
        self.order_before = self.dls.train.generator.get_state()

    def before_train(self) -> None:
        if self.batch and self.state:  # in the middle of this epoch
            facts = self.state[0]
            self.learn.pct_train = facts["pct_train"]
            self.history.tally = Tally(*(facts["tally"] or ()))
            self.dls.train.sampler.first = self.batch
        self.state = None

    def after_batch(self) -> None:
        if self.training:
            self.batch_done()

    def batch_done(self) -> None:
        """Save within an epoch, where it is long."""
        self.batch += 1
        if world_size() == 1 and time.perf_counter() - self.last_saved > max(WITHIN_EPOCH, self.wait):
            self._save(self.order_before)

    def after_epoch(self) -> None:
        self.done, self.batch = self.epoch + 1, 0
        if from_first(lambda: time.perf_counter() - self.last_saved > self.wait):
            self._save(self.dls.train.generator.get_state())

    def _save(self, order: torch.Tensor) -> None:
        began = time.perf_counter()
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        chances = from_all([torch.get_rng_state(), *cuda])
        if rank():
            return
        numpy_state: Any = np.random.get_state()
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        tensors["order"] = order
        for number, states in enumerate(chances):
            tensors |= {f"random.{number}.{index}": state for index, state in enumerate(states)}
        if self.best and self.best.weights:
            tensors |= {f"best.{name}": tensor for name, tensor in self.best.weights.items()}
        optimizer: list[dict[str, Any]] = []
        for index, state in enumerate(self.opt.state_dict()["state"]):
            tensors |= {f"optimizer.{index}.{name}": value for name, value in state.items() if torch.is_tensor(value)}
            optimizer.append({name: value for name, value in state.items() if not torch.is_tensor(value)})
        facts = {
            "of": self.saved.of,
            "epoch": self.done,
            "batch": self.batch,
            "pct_train": self.learn.pct_train,
            "history": [asdict(row) for row in self.history.epochs],
            "tally": self.history.tally.as_record() if self.batch else None,
            "hypers": [{name: float(value) for name, value in group.items()} for group in self.opt.hypers],
            "optimizer": optimizer,
            "python": random.getstate(),
            "numpy": (numpy_state[0], numpy_state[1].tolist(), *numpy_state[2:]),
        }
        self.saved.write(facts, tensors)
        self.last_saved = time.perf_counter()
        self.saved.seconds += self.last_saved - began
        self.wait = max(AT_LEAST, (self.last_saved - began) / SHARE)

    def _restore(self, facts: _Facts, tensors: dict[str, torch.Tensor]) -> None:
        def part(name: str) -> dict[str, torch.Tensor]:
            return {key.removeprefix(name): tensor for key, tensor in tensors.items() if key.startswith(name)}

        self.model.load_state_dict(part("model."))
        if self.best and (weights := part("best.")):
            self.best.weights = {
                key: torch.empty_like(t).copy_(weights[key]) for key, t in self.model.state_dict().items()
            }
        for index, (parameter, *_) in enumerate(self.opt.all_params()):
            state: dict[str, Any] = dict(facts["optimizer"][index])
            for name, tensor in part(f"optimizer.{index}.").items():
                # in the parameter's own memory format: other strides may round otherwise
                like = parameter.data if tensor.shape == parameter.shape else tensor
                state[name] = torch.empty_like(like, device=parameter.device).copy_(tensor)
            self.opt.state[parameter] = state
        for group, saved in zip(self.opt.hypers, facts["hypers"], strict=True):
            group.update({name: type(group[name])(value) for name, value in saved.items()})
        self.history.epochs[:] = facts["history"]
        random.setstate(facts["python"])
        np.random.set_state(facts["numpy"])  # type: ignore[arg-type]  # a list does as well as an array
        if states := part(f"random.{rank()}."):  # else it was saved by fewer ranks
            cpu, *cuda = (states[str(index)] for index in range(len(states)))
            torch.set_rng_state(cpu)
            torch.cuda.set_rng_state_all(cuda[: torch.cuda.device_count()])  # there may be fewer than there were
        self.dls.train.generator.set_state(tensors["order"])
