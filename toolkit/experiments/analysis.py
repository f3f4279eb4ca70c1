"""The experiment behind ``analyze_mlp`` and ``analyze_cnn``: one factor at a time, the best setting tested once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from toolkit.data.parts import Parts, load_parts
from toolkit.errors import ToolkitError
from toolkit.evaluation.factors import Analysis, Factor, Level
from toolkit.evaluation.scores import Scores, predict_logits, score_logits
from toolkit.evaluation.sealed_test import log_mnist_opening
from toolkit.experiments.results import write_results
from toolkit.paths import STATE, atomic_write, runs_folder
from toolkit.reporting.factor_plots import plot_factor, plot_overview
from toolkit.reporting.insights import analysis_page, describe
from toolkit.reporting.plots import plot_confused, save_figure
from toolkit.runs import Run, read_json
from toolkit.training.devices import choose_device
from toolkit.training.state import SavedState
from toolkit.training.sweeps import choose_processes
from toolkit.training.trainings import Outcome, Setting, train, train_all


@dataclass(frozen=True)
class Plan:
    """What is varied: ``make`` turns one value of every factor into a setting, ``baseline`` holds one of each."""

    make: Callable[..., Setting]
    baseline: Mapping[str, Any]
    values: Mapping[str, Sequence[Any]]

    def setting(self, **changes: Any) -> Setting:
        """The baseline's setting with ``changes``."""
        return self.make(**{**self.baseline, **changes})


def analyze(run: Run, plan: Plan) -> Scores:
    """Train every setting with every seed, say what each factor does, train the best once more and test it once.

    ``run.options`` are those of the recipes. Returns the scores on the test part. Finished
    trainings are kept beside the runs, so a repeated command goes on where it stopped.
    """
    asked = dict(run.options)
    seeds, seed, processes = asked["seeds"], asked["seed"], asked["processes"]
    if seeds < 2:
        raise ToolkitError(f"{seeds} seeds show no spread. Choose 2 or more, better 3.")
    place = choose_device(asked["device"])
    parts = load_parts(asked["mnist"], asked["csv"], asked["split_seed"])
    print(parts, flush=True)
    run.options.update(device=str(place), processes=choose_processes(processes))
    run.facts.update(data_sha256=parts.digest)

    def train_settings(settings: Sequence[Setting]) -> list[list[Outcome]]:
        folder = runs_folder() / run.recipe / "trainings"
        return train_all(settings, range(seed, seed + seeds), parts, place, folder, processes, run.since)

    analysis = try_out(plan, train_settings, (len(parts.training), len(parts.validation)))
    run.write_json("analysis.json", analysis.as_record())
    save_figure(plot_overview(analysis), run.folder / "overview.png")
    for factor in analysis.factors:
        save_figure(plot_factor(factor, analysis.images), run.folder / f"{factor.name}.png")
    page = analysis_page(analysis, run.recipe)
    with atomic_write(run.folder / "analysis.md") as temporary:
        temporary.write_text(page, encoding="utf-8")
    print(page, flush=True)
    best = analysis.best
    if best.diverged:
        raise ToolkitError("No setting came to its end with every seed. Choose smaller learning rates.")
    return _test_once(run, best.setting, seed + seeds, parts, place)


def try_out(
    plan: Plan, train_settings: Callable[[Sequence[Setting]], list[list[Outcome]]], images: tuple[int, int]
) -> Analysis:
    """Train the settings of ``plan``, and in the end the best values of all factors together.

    ``train_settings`` gives every setting's outcomes by seed; ``images`` are the numbers of training and validation
    images.
    """
    settings = {name: [plan.setting(**{name: value}) for value in values] for name, values in plan.values.items()}
    distinct = list({repr(setting): setting for group in settings.values() for setting in group}.values())
    found = dict(zip(map(repr, distinct), train_settings(distinct), strict=True))
    factors = [
        Factor(
            name,
            tuple(
                Level(value, setting, tuple(found[repr(setting)]))
                for value, setting in zip(plan.values[name], settings[name], strict=True)
            ),
            plan.baseline[name],
        )
        for name in settings
    ]
    combined = None
    best = plan.setting(**{factor.name: factor.best.value for factor in factors})
    if repr(best) not in found:
        (outcomes,) = train_settings([best])
        values = ", ".join(f"{factor.title} {factor.best.value}" for factor in factors)
        combined = Level(values, best, tuple(outcomes))
    return Analysis(tuple(factors), combined, images)


def read_analysis(folder: Path) -> Analysis:
    """The analysis of a finished run; a ``ToolkitError`` when the folder holds none."""
    return read_json(folder, "analysis.json", Analysis)


def _test_once(run: Run, setting: Setting, seed: int, parts: Parts, device: torch.device) -> Scores:
    """Train the chosen setting with a seed that had no part in choosing it, and open the test part."""
    saved = SavedState(run.folder / STATE, parts.digest)
    network, outcome = train(setting, seed, parts, device, saved=saved)
    if outcome.complaint:
        raise ToolkitError(f"The chosen setting diverged with a new seed: {outcome.complaint} Try more seeds.")
    logits = predict_logits(network, parts.test.images)
    scores = score_logits(logits, parts.test)
    opened = log_mnist_opening(run.recipe, parts.digest, len(parts.test))
    run.facts.update(saved.facts(), chosen=asdict(setting), chosen_seed=seed, openings_of_the_test_part=opened)
    run.write_json("scores.json", {"test": scores.as_record()})
    write_results(
        run,
        network,
        outcome.history,
        {"test": scores},
        (parts.test, logits),
        name=f"{run.recipe}_best",
        data="the test part",
        architecture=setting.architecture,
        arguments=setting.arguments,
    )
    figure = plot_confused(parts.test, logits.argmax(1).numpy(), "the test part")
    save_figure(figure, run.folder / "confused.png")
    print(f"Chosen: {describe(setting)}\nTest: {scores}\nOpenings of this test part: {opened}\nRun: {run.folder}")
    return scores
