"""Training from scratch: one setting, or one factor at a time with the best setting tested once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from toolkit.data.labelled_images import LabelledImages
from toolkit.data.parts import Parts, load_parts
from toolkit.errors import ToolkitError
from toolkit.evaluation.factors import Analysis, Factor, Level
from toolkit.evaluation.scores import Scores, predict_logits
from toolkit.evaluation.sealed_test import log_mnist_opening
from toolkit.experiments.results import write_results
from toolkit.paths import STATE, runs_folder, write_file
from toolkit.reporting.factor_plots import plot_factor, plot_overview
from toolkit.reporting.insights import analysis_page, describe
from toolkit.reporting.plots import plot_confused, save_figure
from toolkit.runs import Run, read_json
from toolkit.training.devices import choose_device
from toolkit.training.state import SavedState
from toolkit.training.sweeps import choose_processes
from toolkit.training.trainings import Outcome, Setting, train, train_all


def analyze(run: Run, make: Callable[..., Setting], values: Mapping[str, tuple[Any, Sequence[Any]]]) -> Scores:
    """Train every setting with every seed, say what each factor does, train the best once more and test it once.

    ``values`` are for every factor the baseline's and those to try; ``make`` turns one of each into a setting.
    ``run.options`` are those of the recipes. Returns the scores on the test part. Finished trainings are kept beside
    the runs, so a repeated command goes on where it stopped.
    """
    asked = dict(run.options)
    seeds, seed, processes, cluster = (asked[name] for name in ("seeds", "seed", "processes", "cluster"))
    if seeds < 2:
        raise ToolkitError(f"{seeds} seed shows no spread. Choose 2 or more, better 3.")
    place = choose_device(asked["device"])
    parts = load_parts(asked["mnist"], asked["csv"], asked["split_seed"])
    print(parts, flush=True)
    if place.type != "cpu" and not cluster:
        if processes not in (None, 1):
            raise ToolkitError(f"On {place} trainings run in turn. Leave --processes out, or choose --device cpu.")
        processes = 1
    run.options.update(device=str(place), processes=processes if cluster else choose_processes(processes))
    run.facts.update(data_sha256=parts.digest)

    def train_settings(settings: Sequence[Setting]) -> list[list[Outcome]]:
        folder = runs_folder() / run.recipe / "trainings"
        return train_all(settings, range(seed, seed + seeds), parts, place, folder, processes, run.since, cluster)

    baseline = {name: start for name, (start, _) in values.items()}
    settings = {name: {value: make(**{**baseline, name: value}) for value in own} for name, (_, own) in values.items()}
    outcomes = iter(train_settings([setting for own in settings.values() for setting in own.values()]))
    factors = tuple(
        Factor(name, tuple(Level(value, how, tuple(next(outcomes))) for value, how in own.items()), baseline[name])
        for name, own in settings.items()
    )
    together = make(**{factor.name: factor.best.value for factor in factors})
    combined = None
    if all(together != level.setting for factor in factors for level in factor.levels):
        said = ", ".join(f"{factor.title} {factor.best.value}" for factor in factors)
        combined = Level(said, together, tuple(train_settings([together])[0]))
    analysis = Analysis(factors, combined, (len(parts.training), len(parts.validation)))

    run.write_json("analysis.json", asdict(analysis))
    save_figure(plot_overview(analysis), run.folder / "overview.png")
    for factor in factors:
        save_figure(plot_factor(factor, analysis.images), run.folder / f"{factor.name}.png")
    page = analysis_page(analysis, run.recipe)
    write_file(run.folder / "analysis.md", page)
    print(page, flush=True)
    if analysis.best.diverged:
        raise ToolkitError("No setting came to its end with every seed. Choose smaller learning rates.")

    chosen, new_seed = analysis.best.setting, seed + seeds  # one that had no part in choosing
    diverged = "The chosen setting diverged with a new seed: {} Try more seeds."
    scores, read = train_and_judge(run, chosen, new_seed, parts, place, "test", f"{run.recipe}_best", diverged)
    run.facts.update(chosen=asdict(chosen), chosen_seed=new_seed)
    save_figure(plot_confused(parts.test, read, "the test part"), run.folder / "confused.png")
    opened = run.facts["openings_of_the_test_part"]
    print(f"Chosen: {describe(chosen)}\nTest: {scores}\nOpenings of this test part: {opened}\nRun: {run.folder}")
    return scores


def read_analysis(folder: Path) -> Analysis:
    """The analysis of a finished run; a ``ToolkitError`` when the folder holds none."""
    return read_json(folder, "analysis.json", Analysis)


def train_and_judge(
    run: Run, setting: Setting, seed: int, parts: Parts, device: torch.device, part: str, name: str, diverged: str
) -> tuple[Scores, np.ndarray]:
    """Train ``setting``, judge it on the ``part`` of the data, "validation" or "test", and write what a run leaves.

    The test part's opening is logged. Returns the scores and the labels read, int64 (N,). A training that diverges is
    a ``ToolkitError`` that says ``diverged``, with the complaint in its place.
    """
    saved = SavedState(run.folder / STATE, parts.digest)
    network, outcome = train(setting, seed, parts, device, saved=saved)
    run.facts.update(saved.facts())
    if outcome.complaint:
        raise ToolkitError(diverged.format(outcome.complaint))
    images: LabelledImages = getattr(parts, part)
    if part == "test":
        run.facts.update(openings_of_the_test_part=log_mnist_opening(run.recipe, parts.digest, len(images)))
    logits = predict_logits(network, images.images)
    built: dict[str, Any] = {"architecture": setting.architecture, "arguments": setting.arguments}
    judged, data = {part: (images, logits)}, f"the {part} part"
    scores = write_results(run, network, outcome.history, judged, name=name, data=data, **built)
    return scores[part], logits.argmax(1).numpy()
