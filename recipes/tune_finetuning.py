"""Choose the hyper-parameters of fine-tuning by cross-validation, one factor at a time.

    python -m toolkit recipe tune_finetuning
    python -m toolkit recipe tune_finetuning --model mnist_cnn --repeats 3

Needs   a published model; digits, or images of any classes, in Training Set and Validation Set, which are
        judged together.
Expect  three to six minutes on 2 CPU cores: a table of trials, a plot of every factor, the values to use and why; an
        interrupted search goes on where it stopped. Test Set stays sealed.
"""

from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from toolkit.data.image_sets import load_sets
from toolkit.data.labelled_images import together
from toolkit.errors import ToolkitError
from toolkit.experiments.tuning import (
    Candidate,
    Trial,
    check_folds,
    cross_validate,
    largest_batch,
    make_trial,
    search,
    trial_jobs,
)
from toolkit.models.bundle import read_model
from toolkit.paths import runs_folder
from toolkit.reporting.excel import trials_table
from toolkit.reporting.factor_plots import plot_trials
from toolkit.reporting.plots import save_figure
from toolkit.runs import start_run
from toolkit.training.sweeps import run_jobs


def run(
    model: str = "mnist_resnet",  # published model to start from
    folds: int = 5,  # parts of all images, each held out once
    repeats: int = 2,  # divisions into parts
    processes: int | None = None,  # trainings at once; without it one per core, four at most
    cluster: str | None = None,  # Ray's address, or auto for the one of this machine, instead of processes
    digits: Path | None = None,  # folder with the three sets; without it the repository's
    fresh: bool = False,  # begin anew, not where an unfinished run stopped
) -> dict[str, dict[str, Any]]:
    """The options to use for the last layer and for more layers."""
    with start_run(__file__, locals()) as run:
        if not 2 <= folds <= 10 or repeats < 1:
            raise ToolkitError(f"{folds} folds, {repeats} repeats: choose 2 to 10 folds and 1 or more repeats.")
        read, files = load_sets(digits), read_model(model)
        images, card = together([read.training, read.validation]), files.card
        check_folds(folds, images)
        sets = read.sha256()
        run.facts.update(sets_sha256=sets, model_sha256=card.weights_sha256)

        def attempt(candidates: Sequence[Candidate], first: int) -> list[Trial]:
            jobs = [job for _, own in candidates for job in trial_jobs(own, folds, repeats, sets, card)[:first]]
            folder = runs_folder() / run.recipe / "trials"
            work = partial(cross_validate, files, images)
            done = iter(run_jobs(work, jobs, folder, "trials", processes, run.since, cluster))
            return [make_trial(own, new, [*islice(done, first)], folds, len(images)) for new, own in candidates]

        ways: dict[str, list[int | None]] = {"last layer": [1], "more layers": [2, None]}
        batch, dropout = largest_batch(read, folds), "dropout" in card.arguments
        searches = {name: search(layers, attempt, folds, repeats, batch, dropout) for name, layers in ways.items()}
        record = {name: found.as_record() for name, found in searches.items()}
        for name, found in searches.items():
            options = (f"--{key.replace('_', '-')} {value:g}" for key, value in record[name]["options"].items())
            use = f"To use them, fine-tune with {' '.join(options)}"  # all: left out, rate and dropout would be others
            print(f"\n{name}", *found.trials, "Chosen:", *found.reasons, use, sep="\n  ")
            save_figure(plot_trials(record[name]["trials"], name), run.folder / f"{name.replace(' ', '_')}.png")
        run.write_csv("trials.csv", trials_table(record))
        run.write_json("tuning.json", record)
        print(f"\nRun: {run.folder}")
    return record
