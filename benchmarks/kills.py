"""Kill commands at random moments, repeat them, and compare what they end in with the uninterrupted run's.

    python -m benchmarks.kills --kills 200 --seed 0

Each command is killed (SIGKILL, the parent only) up to four times at moments spread over its own length, repeated
until it ends by itself, and compared: sha256 of the weights, and the history without its seconds. Nothing may be left
over: processes, hidden files, runs that say "running". Prints a row per command.
"""

import csv
import hashlib
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from toolkit.data.mnist import load_mnist
from toolkit.paths import ROOT

CHAIN = 4  # kills of one command before it may end
COMMANDS = {
    "mlp, one cycle, distortions, dropout": "pretrain --data {set} --model mlp --epochs 12 --held-out 500",
    "cnn, one cycle, distortions, dropout": "pretrain --data {set} --model cnn --epochs 4 --held-out 500",
    "resnet, one cycle, distortions": "pretrain --data {set} --model resnet --epochs 5 --held-out 500",
    "fine-tuning, early stopping, best epoch": "finetune_two_layers --model mnist_cnn --epochs 60 --patience 40",
    "mlp, plain SGD": "train_mlp --csv {csv} --epochs 60 --hidden 512,512 --dropout 0.2",
    "sweep in 2 processes": "analyze_mlp --csv {csv} --epochs 4 --seeds 2 --processes 2 --learning-rates 0.03,0.1 "
    "--batch-sizes 32,64 --neurons-per-layer 64,128 --hidden-layers 2,3",
}


@dataclass(frozen=True)
class Row:
    """What became of one kind of command."""

    kills: int
    resumed: int
    same: int
    runs: int
    left_over: int


def make_data(folder: Path, images: int) -> dict[str, str]:
    """A small set in MNIST's format and one as CSV, from MNIST's first ``images``."""
    mnist = load_mnist()
    for name, digits, count in (("train", mnist.training, images), ("t10k", mnist.test, 500)):
        (folder / "set").mkdir(exist_ok=True)
        for kind, array in (("images-idx3", digits.images[:count, 0]), ("labels-idx1", digits.labels[:count])):
            header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
            (folder / "set" / f"{name}-{kind}-ubyte").write_bytes(header + array.astype("uint8").tobytes())
    with (folder / "small.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["label", *(f"pixel{number}" for number in range(784))])
        for image, label in zip(mnist.training.images[:images], mnist.training.labels[:images], strict=True):
            writer.writerow([label, *image.ravel()])
    return {"set": str(folder / "set"), "csv": str(folder / "small.csv")}


def start(words: str, runs: Path) -> subprocess.Popen[bytes]:
    """A recipe as a process of its own, which leaves its runs in ``runs``."""
    with (runs.parent / f"{runs.name}.log").open("ab") as log:
        environment = {**os.environ, "TOOLKIT_RUNS": str(runs)}
        command = [sys.executable, "-m", "toolkit", "recipe", *words.split()]
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)


def finish(words: str, runs: Path) -> float:
    """Run to the end; returns the seconds, and raises where it fails."""
    began = time.perf_counter()
    if status := start(words, runs).wait():
        raise RuntimeError(f"{words} ended with {status}: see {runs}.log")
    return time.perf_counter() - began


def outcome(runs: Path) -> str:
    """A fingerprint of the weights and the histories of all finished runs and trainings, without seconds."""
    found = set()  # a command killed after it had finished, and repeated, finishes twice
    for path in sorted(runs.rglob("*")):
        if path.name in ("model.safetensors", "analysis.json", "history.csv", "result.json"):
            told = path.read_bytes()
            if path.suffix == ".csv":
                rows = list(csv.DictReader(told.decode().splitlines()))
                told = json.dumps([{**row, "seconds": ""} for row in rows]).encode()
            elif path.suffix == ".json":
                told = json.dumps(_without_seconds(json.loads(told)), sort_keys=True).encode()
            found.add(hashlib.sha256(told).hexdigest())
    return " ".join(sorted(found))


def _without_seconds(found: object) -> object:
    if isinstance(found, Mapping):
        return {name: _without_seconds(value) for name, value in found.items() if not name.startswith("seconds")}
    if isinstance(found, Sequence) and not isinstance(found, str):
        return [_without_seconds(value) for value in found]
    return found


def left_over(runs: Path) -> int:
    """Processes that still work on ``runs``, hidden files, locks, states, and records that say "running"."""
    time.sleep(1)  # a worker may just be ending
    mine = f"TOOLKIT_RUNS={runs}".encode()
    processes = 0
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            processes += mine in environment.read_bytes().split(b"\0")
        except OSError:
            continue
    files = [path for path in runs.rglob("*") if path.name.startswith(".") or path.suffix == ".lock"]
    states = list(runs.rglob("state"))
    running = [path for path in runs.glob("*/*/run.json") if json.loads(path.read_text())["status"] == "running"]
    return processes + len(files) + len(states) + len(running)


def kill_and_compare(words: str, kills: int, folder: Path, random_moments: random.Random) -> Row:
    """Kill a command ``kills`` times, in chains, and compare every chain's end with the uninterrupted run's."""
    seconds = finish(words, folder / "whole")
    expected = outcome(folder / "whole")
    done = resumed = same = runs = left = 0
    while done < kills:
        place = folder / f"chain_{runs}"
        for _ in range(min(CHAIN, kills - done)):
            process = start(words, place)
            try:
                process.wait(random_moments.uniform(0.15, 1.0) * seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                done += 1
            else:
                break
        else:
            finish(words, place)
        runs += 1
        resumed += (folder / f"{place.name}.log").read_text().count("Goes on after")
        same += outcome(place) == expected
        left += left_over(place)
    return Row(done, resumed, same, runs, left)


def main(
    kills: Annotated[int, typer.Option(help="all in all")] = 200,
    seed: Annotated[int, typer.Option(help="fixes the moments")] = 0,
    images: Annotated[int, typer.Option(help="in the small sets")] = 3000,
) -> None:
    """Print the table."""
    moments = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        places = make_data(Path(name), images)
        print(f"{'command':42} kills  resumed  same end   left over")
        for number, (title, words) in enumerate(COMMANDS.items()):
            folder = Path(name) / str(number)
            folder.mkdir()
            row = kill_and_compare(words.format(**places), -(-kills // len(COMMANDS)), folder, moments)
            ends = f"{row.same} of {row.runs}"
            print(f"{title:42} {row.kills:5}  {row.resumed:7}  {ends:9}  {row.left_over:9}", flush=True)


if __name__ == "__main__":
    typer.run(main)
