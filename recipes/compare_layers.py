"""Compare how many layers to fine-tune, over seeds, on the Validation Set.

    python -m toolkit recipe compare_layers
    python -m toolkit recipe compare_layers --model mnist_cnn --seeds 30

Needs   a published model; digits, or images of any classes, in Training Set and Validation Set.
Expect  3 to 4 minutes on 2 CPU cores and 300 MB in runs/compare_layers; an interrupted comparison goes on where it
        stopped. evaluate_models adds the accuracies on Test Set, which stays sealed here.
"""

from functools import partial
from pathlib import Path
from typing import Any

from toolkit.classes import things
from toolkit.data.image_sets import load_sets
from toolkit.errors import ToolkitError
from toolkit.experiments import comparing
from toolkit.models.bundle import read_model
from toolkit.paths import runs_folder
from toolkit.reporting.factor_plots import plot_comparison
from toolkit.reporting.plots import save_figure
from toolkit.runs import start_run
from toolkit.training.sweeps import run_jobs


def run(
    model: str = "mnist_resnet",  # published model to start from
    seeds: int = 20,  # trainings of each way, all ways with the same order of images
    processes: int | None = None,  # trainings at once; without it one per core, four at most
    cluster: str | None = None,  # Ray's address, or auto for the one of this machine, instead of processes
    digits: Path | None = None,  # folder with the three sets; without it the repository's
    fresh: bool = False,  # begin anew, not where an unfinished run stopped
) -> dict[str, dict[str, Any]]:
    """For every way to fine-tune its accuracy over seeds, its loss, its curves and how far the weights moved."""
    with start_run(__file__, locals()) as run:
        if seeds < 2:
            raise ToolkitError(f"{seeds} seed shows no spread. Compare 2 or more.")
        sets = load_sets(digits)
        files = read_model(model)
        card = files.card
        run.facts.update(sets_sha256=sets.sha256(), model_sha256=card.weights_sha256)
        jobs = comparing.comparison_jobs(files, seeds, sets)
        ways = dict.fromkeys(job["way"] for job in jobs)
        if comparing.NONE not in ways:
            print(f"Without '{comparing.NONE}': {card.name} does not know all of these classes.")
        what = f"{len(sets.training)} {things(sets.classes)}, {len(sets.validation)} to validate"
        print(f"{len(jobs)} trainings of {card.name}: {what}")
        if any(job["how"] and job["how"]["batch_size"] == len(sets.training) for job in jobs):
            print(f"Batches of {len(sets.training)}: there are no more to train on.")
        folder = runs_folder() / run.recipe / "trainings"
        work = partial(comparing.train_and_keep, files, sets)
        results = run_jobs(work, jobs, folder, "trainings", processes, run.since, cluster)

        by_way = {name: [r for r in results if r["job"]["way"] == name] for name in ways}
        summaries = {name: comparing.summarise(own) for name, own in by_way.items()}
        pairs = comparing.compare_pairs({name: comparing.right_answers(own) for name, own in by_way.items()})
        for name, own in summaries.items():
            mean, spread, worst = (100 * own[share] for share in ("mean", "spread", "worst"))
            told = f"standard deviation over seeds {spread:.1f}, worst {worst:.1f}"
            print(f"{name:16} {mean:5.1f} % of {len(sets.validation)} ({told}), loss {own['loss']:.3f}")
        print(*pairs, sep="\n")
        record = {
            "n": len(sets.validation),
            "seeds": seeds,
            "ways": summaries,
            "pairs": [pair.as_record() for pair in pairs],
            "trainings": [result["place"] for result in results],
        }
        run.write_json("comparison.json", record)
        save_figure(plot_comparison(by_way, len(sets.validation)), run.folder / "comparison.png")
        print(f"Run: {run.folder}")
    return summaries
