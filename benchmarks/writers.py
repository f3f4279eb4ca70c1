"""Last layer or more layers, with 80 images? ``python -m benchmarks.writers``

Every writer of scikit-learn's digits (docs/data.md) in normal form: 8 images of each digit to train, the rest to test,
drawn anew for each seed. Nothing is decided on the tested images: every fit ends after its last epoch.
"""

import argparse
import csv
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.example_digits import WRITERS, writer_digits
from toolkit.classes import DIGITS
from toolkit.data.image_sets import ImageSets
from toolkit.data.labelled_images import LabelledImages
from toolkit.evaluation.statistics import bootstrap_interval, mcnemar
from toolkit.experiments.comparing import VARIANTS, train_and_measure
from toolkit.images.normal_form import normal_form
from toolkit.images.reading import read_grey
from toolkit.images.single_digit import isolate_ink
from toolkit.models.bundle import ModelFiles, load_model, read_model
from toolkit.paths import ROOT, runs_folder
from toolkit.runs import machine
from toolkit.training.adapting import Adaptation
from toolkit.training.sweeps import Job, run_jobs

IMAGES = 8  # per digit to train
DRAWN = ROOT.parent / "shared/real_digits/cut/screen_drawn_28x28"


def load_drawn(folder: Path) -> LabelledImages:
    """Digits drawn on a screen, dark on white, as ``dataset.csv`` lists them, in normal form."""
    with (folder / "dataset.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    images = np.stack([normal_form(isolate_ink(read_grey(folder / row["image"]))) for row in rows])
    return LabelledImages(images[:, None], np.array([int(row["label"]) for row in rows], np.int64), DIGITS)


def draw_per_class(digits: LabelledImages, count: int, seed: int) -> tuple[LabelledImages, LabelledImages]:
    """Draw ``count`` images of every class; returns (the drawn ones, the rest), each in the order given."""
    draw = np.random.default_rng(seed)
    members = [np.flatnonzero(digits.labels == label) for label in range(len(digits.classes))]
    drawn = np.concatenate([draw.permutation(places)[:count] for places in members])
    return digits.take(np.sort(drawn)), digits.take(np.setdiff1d(np.arange(len(digits)), drawn))


def measure(model: ModelFiles, digits: Mapping[str, LabelledImages], job: Job, _: Path) -> dict[str, Any]:
    """One writer, by the sha256 of what he wrote; one seed, one way to fine-tune."""
    sets = ImageSets(*draw_per_class(digits[job["digits"]], IMAGES, job["seed"]))
    how = Adaptation(**job["how"]) if job["how"] else None
    return train_and_measure(load_model(model)[0], sets, how, job["seed"])


def main() -> None:
    """Print a row for every way to fine-tune and a sentence for every pair."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="mnist_resnet", help="published model to start from")
    parser.add_argument("--seeds", type=int, default=5, help="divisions and trainings of each writer")
    parser.add_argument("--drawn", type=Path, default=DRAWN, help="folder of screen-drawn digits, skipped if absent")
    parser.add_argument("--processes", type=int, help="one per core, four at most, if not given")
    parser.add_argument("--cluster", help="Ray's address, or auto for the one of this machine, instead of processes")
    options = parser.parse_args()

    written = [writer_digits(number) for number in range(WRITERS)]
    if (options.drawn / "dataset.csv").exists():
        written.append(load_drawn(options.drawn))
    else:
        print(f"Skipped: {options.drawn} is absent")
    writers = {digits.sha256(): digits for digits in written}
    model = read_model(options.model)
    jobs = [
        {
            "digits": w,
            "seed": seed,
            "how": asdict(how) if how else None,
            "weights": model.card.weights_sha256,
        }
        for how in VARIANTS.values()
        for w in writers
        for seed in range(options.seeds)
    ]
    folder = runs_folder() / "benchmark_writers"
    work = partial(measure, model, writers)
    results = run_jobs(work, jobs, folder, "fits", options.processes, cluster=options.cluster)
    print(f"{options.model}, {len(writers)} writers, {options.seeds} seeds, {machine()}")
    print("| fine-tuned | mean over writers | 95 %, other writers | worst writer | loss (nats) | weights moved |")
    print("|---|---|---|---|---|---|")
    accuracies, first_draw = {}, {}
    for name, own in zip(VARIANTS, np.array_split(np.array(results), len(VARIANTS)), strict=True):
        table = own.reshape(len(writers), options.seeds)
        accuracies[name] = np.array([[np.mean(fit["right"]) for fit in row] for row in table]).mean(axis=1)
        first_draw[name] = np.concatenate([row[0]["right"] for row in table]).astype(bool)
        low, high = bootstrap_interval(accuracies[name])
        loss = np.mean([fit["loss"] for fit in own])
        moved = ", ".join(f"{100 * np.mean([fit['moved'][layer] for fit in own]):.0f}" for layer in own[0]["moved"])
        print(
            f"| {name} | {percent(accuracies[name].mean())} | {percent(low)} to {percent(high)} "
            f"| {percent(accuracies[name].min())} | {loss:.4f} | {moved} % |"
        )
    print()
    for first, second in combinations(VARIANTS, 2):
        gain = accuracies[second] - accuracies[first]
        low, high = (100 * end for end in bootstrap_interval(gain))
        test = mcnemar(first_draw[first], first_draw[second])
        print(
            f"{second} against {first}: {100 * gain.mean():+.2f} points "
            f"(95 %, other writers: {low:+.2f} to {high:+.2f}); "
            f"better for {(gain > 0).sum()}, worse for {(gain < 0).sum()} of {len(writers)} writers; with seed 0, "
            f"of {test.n:,} images only the former reads {test.only_second}, only the latter {test.only_first} "
            f"(p = {test.p:.2g})"
        )


def percent(share: float) -> str:
    """A share as the table prints it."""
    return f"{100 * share:.2f} %"


if __name__ == "__main__":
    main()
