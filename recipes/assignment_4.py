"""From the three sets to the zip: tune, compare, fine-tune, evaluate, report, hand in.

    python -m toolkit recipe assignment_4 --authors "Ada Lovelace, Alan Turing" --ids "123, 456"
    python -m toolkit recipe assignment_4 --authors "Ada Lovelace" --words words.md --photo sheet.jpg

Needs   a published MNIST model; the three sets; MNIST (fetched once).
Expect  4 to 6 minutes on 2 CPU cores; the workbook, the report and the zip in the repository. Run again after an
        interruption, it goes on where it stopped. Test Set is opened once, after everything has been chosen.
"""

from pathlib import Path
from types import ModuleType
from typing import Any

from recipes import (
    compare_layers,
    evaluate_models,
    finetune_all_layers,
    finetune_last_layer,
    finetune_two_layers,
    tune_finetuning,
)
from recipes import hand_in as packing
from recipes import report as writing
from toolkit.data.image_sets import ASSIGNMENT_4, TEST_SET, load_sets, read_all_sets, require_form
from toolkit.evaluation.records import Search
from toolkit.models.bundle import load_model
from toolkit.paths import ROOT
from toolkit.runs import find_run, latest_run, read_json, start_run


def run(
    authors: str = "",  # names, with commas between
    ids: str = "",  # their numbers, with commas between; they name the zip
    words: Path | None = None,  # Markdown file with your own words, added to the report
    photo: Path | None = None,  # picture of your sheet; without it the one that was cut here
    model: str = "mnist_resnet",  # published model to start from
    seeds: int = 10,  # trainings of each way in the comparison
    repeats: int = 1,  # divisions in the cross-validation
    processes: int | None = None,  # trainings at once; without it one per core, four at most
    mnist: Path | None = None,  # folder with MNIST's files; fetched if not given
    digits: Path | None = None,  # folder with the three sets; without it the repository's
    out: Path | None = None,  # folder for workbook, report and zip; without it the repository
    fresh: bool = False,  # begin anew, not where an unfinished run stopped
) -> Path:
    """The zip."""
    with start_run(__file__, locals()):
        require_form(digits, ASSIGNMENT_4)
        same = {"sets_sha256": load_sets(digits).sha256(), "model_sha256": load_model(model)[1].weights_sha256}
        place = (out or ROOT).absolute()
        workbook, pdf = place / "Assignment 4 Results.xlsx", place / "Assignment 4_Report.pdf"

        def finished(recipe: ModuleType, options: dict[str, Any], **how: Any) -> Path:
            name = recipe.__name__.removeprefix("recipes.")
            if fresh or not find_run(name, **options, **same):
                recipe.run(model=model, digits=digits, fresh=fresh, **options, **how)
            return latest_run(name, **options, **same)

        print("1. Tuning")
        tuning = finished(tune_finetuning, {"repeats": repeats}, processes=processes)
        tuned = read_json(tuning, "tuning.json", dict[str, Search])

        print("2. Comparing")
        comparison = finished(compare_layers, {"seeds": seeds}, processes=processes)

        print("3. Fine-tuning")
        several = finetune_two_layers if tuned["more layers"]["layers"] == 2 else finetune_all_layers
        last_layer = finished(finetune_last_layer, tuned["last layer"]["options"])
        more_layers = finished(several, tuned["more layers"]["options"])

        print("4. Evaluating")
        runs: dict[str, Any] = {"last_layer": last_layer, "more_layers": more_layers, "comparison": comparison}
        test = {"test_sha256": read_all_sets(digits)[TEST_SET].sha256()}  # no opening: nothing is scored on it
        evaluated = {name: str(folder) for name, folder in runs.items()} | {"out": str(workbook)} | same | test
        evaluation = find_run("evaluate_models", **evaluated)
        written = workbook.exists() and evaluation == find_run("evaluate_models", out=str(workbook))
        if not evaluation or not written:  # by none, or by a later evaluation of something else
            evaluate_models.run(model=model, **runs, out=workbook, mnist=mnist, digits=digits)
            evaluation = latest_run("evaluate_models", **evaluated)

        print("5. Report and zip")
        writing.run(authors=authors, ids=ids, words=words, photo=photo, evaluation=evaluation, out=pdf, digits=digits)
        return packing.run(ids=ids, report=pdf, workbook=workbook, digits=digits, out=place)
