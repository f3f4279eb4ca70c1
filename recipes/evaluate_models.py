"""Measure the four accuracies, on MNIST's test images and on your own Test Set.

    python -m toolkit recipe evaluate_models
    python -m toolkit recipe evaluate_models --template "Instructor's sheet.xlsx"

Needs   finished runs of finetune_last_layer and finetune_two_layers; MNIST (fetched once).
Expect  "Assignment 4 Results.xlsx"; each opening of Test Set is logged.
"""

from pathlib import Path

from toolkit.data.image_sets import load_sets
from toolkit.data.mnist import load_mnist
from toolkit.errors import ToolkitError
from toolkit.evaluation.records import Comparison, Search
from toolkit.evaluation.scores import Scores
from toolkit.evaluation.sealed_test import open_test_set, openings
from toolkit.experiments import comparing
from toolkit.experiments.evaluating import check_learned, check_runs, measure, unmeasured
from toolkit.models.bundle import load_model
from toolkit.paths import ROOT, sha256_of
from toolkit.reporting import excel
from toolkit.runs import find_run, latest_run, read_json, start_run
from toolkit.training.devices import choose_device


def run(
    model: str = "mnist_resnet",  # the pre-trained model, from which both runs must have started
    last_layer: Path | None = None,  # run of finetune_last_layer; without it the latest
    more_layers: Path | None = None,  # run of finetune_two_layers or _all_layers; without it the latest
    comparison: Path | None = None,  # run of compare_layers; without it the latest on the same digits, if any
    template: Path | None = None,  # instructor's workbook to fill instead of our own
    out: Path | None = None,  # workbook to write; without it "Assignment 4 Results.xlsx" in the repository
    mnist: Path | None = None,  # folder with MNIST's files; fetched if not given
    digits: Path | None = None,  # folder with the three sets; without it the repository's
    views: bool = False,  # read each image five times, shifted by a pixel each way, and average
    device: str = "auto",  # cpu, cuda, ...
) -> dict[str, Scores]:
    """Scores of the pre-trained model on both test sets, if it knows their classes, and of both fine-tuned models."""
    with start_run(__file__, locals()) as run:
        place = choose_device(device)
        last_layer = last_layer or latest_run("finetune_last_layer", model=model)
        more_layers = more_layers or latest_run("finetune_two_layers", model=model)
        models = {name: load_model(name) for name in (model, last_layer, more_layers)}
        images = load_sets(digits)
        check_runs(models, model, last_layer, more_layers, images.classes)
        check_learned((last_layer, more_layers), images)
        absent = unmeasured(models[model][1].classes, images.classes)
        if template:
            excel.match_template(template)  # before Test Set is opened: a sheet that does not fit costs no opening
        of_the_same = {"sets_sha256": images.sha256(), "model_sha256": models[model][1].weights_sha256}
        run.facts.update(of_the_same)
        comparison = comparison or find_run("compare_layers", **of_the_same)
        tuning = find_run("tune_finetuning", **of_the_same)
        compared = read_json(comparison, "comparison.json", Comparison) if comparison else None
        trained = [comparing.load_trained(Path(place)) for place in compared["trainings"]] if compared else []
        if any([job["sets"], job["weights"]] != list(of_the_same.values()) for _, job in trained):
            raise ToolkitError(f"{comparison} compared with other digits or another model. Run compare_layers again.")
        tests = {} if "pretrained_mnist" in absent else {excel.ON_MNIST: load_mnist(mnist).test}
        tests[excel.ON_OWN] = own_test = open_test_set(run.recipe, digits)
        places: dict[str, str | Path] = dict(zip(excel.ENTRIES, (model, model, last_layer, more_layers), strict=True))
        measured = {key: named for key, named in places.items() if key not in absent}
        results = measure(models, measured, images.training, tests, place, views)
        for result in results:
            print(f"{result.card.name} on {result.data}: {result.scores}")
        for reason in absent.values():
            print(f"Left out: {reason}")

        tables = {}
        if compared:
            right = comparing.right_by_way(trained, own_test)
            ways = {way: comparing.accuracy_over_seeds(answers) for way, answers in right.items()}
            pairs = comparing.compare_pairs(right)
            tested = {"n": len(own_test), "ways": ways, "pairs": [pair.as_record() for pair in pairs]}
            run.write_json("comparison_test.json", tested)
            tables["Comparison"] = excel.comparison_table(compared, tested)
            for pair in pairs:
                print(pair)
        if tuning:
            tables["Trials"] = excel.trials_table(read_json(tuning, "tuning.json", dict[str, Search]))
        run.write_json("scores.json", {result.key: result.scores.as_record() for result in results})
        out = out or ROOT / "Assignment 4 Results.xlsx"
        if template:
            excel.fill_template(template, out, results)
        else:
            excel.write_results(out, results, tables, list(absent.values()))
        used = {"last_layer": last_layer, "more_layers": more_layers, "comparison": comparison, "tuning": tuning}
        run.options.update(used, out=out)
        run.facts.update(test_sha256=own_test.sha256(), workbook_sha256=sha256_of(out))
        print(f"Written: {out}\nOpenings of Test Set so far: {len(openings())}\nRun: {run.folder}")
    return {result.key: result.scores for result in results}
