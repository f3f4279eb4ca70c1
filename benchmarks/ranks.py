"""One training on two processes beside the same on one: equal losses, the time of a step, the end when one is killed.

    python -m benchmarks.ranks --batch-size 128

Every process has one thread and MNIST's 60,000 images. Losses are compared over the first steps of
``pretrain_mnist``'s own schedule, and over a whole cycle packed into as many steps, at its full rate: rounding grows
there until one process, given the images of each batch in another order, differs from itself as much; in float64 it
does not. Steps are timed in turns, together and alone, in the same processes; the processor's time says what a step
would take if no other program wanted the cores.
"""

import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from fastai.callback.core import Callback, CancelFitException
from fastai.learner import Recorder
from torch import distributed, multiprocessing

from toolkit.data.labelled_images import LabelledImages
from toolkit.data.loaders import make_loaders
from toolkit.data.mnist import load_mnist
from toolkit.models import build_model
from toolkit.paths import ROOT
from toolkit.ranks import rank, world_size
from toolkit.training.fit import make_learner
from toolkit.training.ranks import TrainTogether, joined
from toolkit.training.seeds import seed_everything

CPU = torch.device("cpu")
RATE, EPOCHS = 2e-3, 24  # pretrain_mnist's
COMPARED = 32  # images of a step whose loss is compared: convolutions in float64 take long


class Watch(Callback):
    """Notes every step's loss, seconds and processor's seconds, and ends the training after ``steps``."""

    order = 200

    def __init__(self, steps: int, shuffled: bool) -> None:
        super().__init__()
        self.steps, self.shuffled = steps, shuffled
        self.seen: list[tuple[float, float, float]] = []

    def before_batch(self) -> None:
        if self.shuffled:
            order = torch.randperm(len(self.yb[0]), generator=torch.Generator().manual_seed(0))
            self.learn.xb, self.learn.yb = (self.xb[0][order],), (self.yb[0][order],)

    def after_batch(self) -> None:
        self.seen.append((float(self.learn.loss.detach()), time.perf_counter(), time.process_time()))
        if len(self.seen) == self.steps:
            raise CancelFitException


def train(
    name: str,
    digits: LabelledImages,
    batch_size: int,
    steps: int,
    cycle: bool = False,
    double: bool = False,
    **how: Any,
) -> tuple[list[float], float, float]:
    """The losses of ``steps``, and the median seconds of a step, by the clock and of the processor."""
    seed_everything(0)
    network = build_model(name)
    if double:
        network.double().pixels.register_forward_hook(lambda module, inputs, output: output.double())
    training = digits.take(np.arange(steps * batch_size)) if cycle else digits
    together = [TrainTogether()] if world_size() > 1 else []
    watch = Watch(steps, **how)
    loaders = make_loaders(training, digits.take(np.arange(10)), batch_size, 0, CPU)
    learner = make_learner(network, loaders, [*together, watch], weight_decay=0.05, label_smoothing=0.05)
    learner.remove_cb(Recorder)  # knows float32 only
    with learner.no_logging(), learner.no_bar():
        learner.fit_one_cycle(1 if cycle else EPOCHS, RATE)
    losses, *clocks = zip(*watch.seen, strict=True)
    between = [[after - before for before, after in pairwise(clock[2:])] for clock in clocks]
    return list(losses), *map(statistics.median, between)


@contextmanager
def alone() -> Iterator[None]:
    """Within it this process is no rank."""
    size = os.environ.pop("WORLD_SIZE")
    yield
    os.environ["WORLD_SIZE"] = size


def work(number: int, port: int, models: str, batch_size: int, steps: int, rounds: int) -> None:
    """What each of the two processes does; the first prints."""
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ.update(RANK=str(number), WORLD_SIZE="2", LOCAL_RANK=str(number), **place)
    torch.set_num_threads(1)
    digits = load_mnist().training
    with joined(CPU):
        for name in models.split(","):
            said = [f"{name:7}"]
            for how in ({}, {"cycle": True}, {"cycle": True, "double": True}):
                both = train(name, digits, COMPARED, steps, **how, shuffled=False)[0]
                if not rank():
                    with alone():
                        one = train(name, digits, COMPARED, steps, **how, shuffled=False)[0]
                        other = train(name, digits, COMPARED, steps, **how, shuffled=True)[0]
                    said += [f"{apart(both, one):9.0e} ({apart(other, one):5.0e})"]
            times = []
            for _ in range(rounds):
                both = train(name, digits, batch_size, steps, shuffled=False)[1:]
                distributed.barrier()
                if not rank():
                    with alone():
                        times.append([both, train(name, digits, batch_size, steps, shuffled=False)[1:]])
                distributed.barrier()
            if not rank():
                for clock in (0, 1):
                    two, one = (statistics.median(each[way][clock] for each in times) for way in (0, 1))
                    ratio = statistics.median(each[0][clock] / each[1][clock] for each in times)
                    said += [f"{1000 * two:6.1f} / {1000 * one:6.1f} = {ratio:.2f}"]
                print("  ".join(said), flush=True)


def apart(first: list[float], second: list[float]) -> float:
    """The largest relative difference between two trainings' losses."""
    return max(abs(one - other) / other for one, other in zip(first, second, strict=True))


def kill(victim: int, folder: Path) -> str:
    """Kill one of two ranks, and say how long the other and torchrun then live, and what is said."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOOLKIT_RUNS": str(folder)}
    options = f"--model mlp --epochs {1000 * EPOCHS} --held-out 59000 --batch-size 100 --augment 0"
    words = f"torch.distributed.run --nproc-per-node 2 -m toolkit recipe pretrain_mnist {options}"
    with (folder / "said").open("w+") as said:
        command = [sys.executable, "-m", *words.split()]
        launcher = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=said, stderr=said)
        while not list(folder.glob("*/*/state/*.safetensors")):
            if launcher.poll() is not None:
                raise RuntimeError((folder / "said").read_text())
            time.sleep(0.1)
        children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()
        (chosen,) = (
            int(child)
            for child in children
            if f"RANK={victim}".encode() in Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
        )
        (other,) = {int(child) for child in children} - {chosen}
        os.kill(chosen, signal.SIGKILL)
        began = time.perf_counter()
        while Path(f"/proc/{other}").exists() and "\nState:\tZ" not in Path(f"/proc/{other}/status").read_text():
            time.sleep(0.01)
        ended = time.perf_counter() - began
        launcher.wait()
        seconds = time.perf_counter() - began
    lines = [line for line in (folder / "said").read_text().splitlines() if line.startswith(("Error", "Interrupted"))]
    return f"rank {victim} killed: the other ended after {ended:.1f} s, torchrun after {seconds:.1f} s; said: {lines}"


def main(
    models: Annotated[str, typer.Option(help="with commas")] = "mlp,cnn,resnet",
    batch_size: Annotated[int, typer.Option(help="images of a step that is timed, over all ranks")] = 128,
    steps: Annotated[int, typer.Option(help="compared, and timed in every round")] = 20,
    rounds: Annotated[int, typer.Option(help="of timing")] = 5,
    kills: Annotated[bool, typer.Option(help="kill ranks as well")] = True,
) -> None:
    """Print the table, and how two killed trainings end."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; batches of {batch_size}; largest relative difference"
    )
    print(f"of {steps} losses from one process's (in brackets: one process's, images of a batch in another order)")
    print(
        "model    recipe's start     whole cycle        whole cycle, float64  ms of a step, two / one  of the processor"
    )
    multiprocessing.spawn(work, (port, models, batch_size, steps, rounds), nprocs=2)
    for victim in (0, 1) if kills else ():
        with tempfile.TemporaryDirectory() as folder:
            print(kill(victim, Path(folder)), flush=True)


if __name__ == "__main__":
    typer.run(main)
