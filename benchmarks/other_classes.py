"""Fine-tuning on classes the model does not know: which start, how many layers? ``python -m benchmarks.other_classes``

Real digits of scikit-learn's writers (docs/data.md) under other names, so that every class is new; a subset of the
digits, all known; letters and signs by made writers. Eight images of each class to train, the rest to test, drawn anew
for each seed; every fit ends after its last epoch.
"""

import argparse
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from benchmarks.example_digits import writer_digits
from benchmarks.simulate.drawn_writers import SIGNS, drawn_ink
from benchmarks.writers import draw_per_class
from toolkit.classes import natural_order
from toolkit.data.image_sets import ImageSets
from toolkit.data.labelled_images import LabelledImages
from toolkit.evaluation.statistics import bootstrap_interval
from toolkit.experiments.comparing import train_and_measure
from toolkit.images.normal_form import normal_form
from toolkit.models.bundle import load_model
from toolkit.paths import runs_folder
from toolkit.runs import machine
from toolkit.training.adapting import ADAPTATIONS, load_for
from toolkit.training.sweeps import run_jobs

IMAGES = 8  # of each class to train
DRAWN = 20  # samples of each sign by a made writer
PROBE = {"head_epochs": 10, "head_lr": ADAPTATIONS[1].lr}
WAYS = {
    "last layer": ADAPTATIONS[1],
    "two layers": ADAPTATIONS[2],
    "two layers, probed first": replace(ADAPTATIONS[2], **PROBE),
    "all layers": ADAPTATIONS[None],
    "all layers, probed first": replace(ADAPTATIONS[None], **PROBE),
}
SETS = ("digits under other names", "digits 0 to 4", "letters A to H", "seven signs")


def images_of(name: str, writer: int) -> LabelledImages:
    """All images of one of ``SETS`` by a writer."""
    if name.startswith("digits"):
        digits = writer_digits(writer)
        if name == SETS[0]:
            return LabelledImages(digits.images, digits.labels, tuple("ABCDEFGHIJ"))
        some = digits.take(np.flatnonzero(digits.labels < 5))
        return LabelledImages(some.images, some.labels, digits.classes[:5])
    classes = natural_order("ABCDEFGH") if name == SETS[2] else natural_order(s for s in SIGNS if s not in "ABCDEFGH")
    ink = drawn_ink(writer, classes, DRAWN)
    images = np.stack([normal_form(glyph) for sign in classes for glyph in ink[sign]])
    return LabelledImages(images[:, None], np.repeat(np.arange(len(classes)), DRAWN), classes)


def measure(job: dict[str, Any], _: Any) -> dict[str, Any]:
    """One set, writer, seed and way to fine-tune."""
    sets = ImageSets(*draw_per_class(images_of(job["set"], job["writer"]), IMAGES, job["seed"]))
    start = load_for(job["model"], sets.training)
    result = train_and_measure(start.network, sets, WAYS[job["way"]], job["seed"])
    return {**result, "first_loss": start.first_loss}


def main() -> None:
    """Print a table for every set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="mnist_resnet", help="published model to start from")
    parser.add_argument("--seeds", type=int, default=5, help="divisions and trainings of each writer")
    parser.add_argument("--writers", type=int, default=5, help="of each set")
    parser.add_argument("--processes", type=int, help="one per core, four at most, if not given")
    options = parser.parse_args()
    weights = load_model(options.model)[1].weights_sha256
    start = {"model": options.model, "weights": weights}
    print(f"{options.model}, {options.writers} writers, {options.seeds} seeds, {machine()}")
    for name in SETS:
        jobs = [
            {"set": name, "writer": w, "seed": s, "way": way, "how": asdict(how), **start}
            for way, how in WAYS.items()
            for w in range(options.writers)
            for s in range(options.seeds)
        ]
        results = run_jobs(measure, jobs, runs_folder() / "benchmark_other_classes", name, options.processes)
        tables = np.array(results).reshape(len(WAYS), options.writers, options.seeds)
        print(f"\n{name}: first loss {np.mean([r['first_loss'] for r in results]):.3f} nats")
        print("| fine-tuned | mean | worst writer | loss (nats) | tested images, all seeds |")
        print("|---|---|---|---|---|")
        by_writer = {}
        for way, table in zip(WAYS, tables, strict=True):
            accuracy = np.array([[np.mean(fit["right"]) for fit in row] for row in table])
            by_writer[way] = accuracy
            loss, n = np.mean([fit["loss"] for fit in table.flat]), sum(len(fit["right"]) for fit in table.flat)
            worst = accuracy.mean(axis=1).min()
            print(f"| {way} | {100 * accuracy.mean():.2f} % | {100 * worst:.2f} % | {loss:.4f} | {n:,} |")
        for way in ("two layers", "all layers"):
            gain = (by_writer[f"{way}, probed first"] - by_writer[way]).ravel()
            low, high = (100 * end for end in bootstrap_interval(gain))
            print(f"{way}, probed first: {100 * gain.mean():+.2f} points (95 % over fits {low:+.2f} to {high:+.2f})")


if __name__ == "__main__":
    main()
