"""What a trained network leaves in its run's folder, the same for every recipe."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from toolkit.data.labelled_images import LabelledImages
from toolkit.evaluation.calibration import Calibration
from toolkit.evaluation.scores import Scores, score_logits
from toolkit.models import all_arguments
from toolkit.models.bundle import ModelCard, save_model
from toolkit.reporting.plots import plot_confusion, plot_history, plot_misread, plot_reliability, save_figure
from toolkit.runs import Run, versions
from toolkit.training.history import Epoch


def write_results(
    run: Run,
    network: nn.Module,
    history: Sequence[Epoch],
    judged: Mapping[str, tuple[LabelledImages, torch.Tensor]],
    calibration: Calibration | None = None,
    *,
    name: str,
    data: str,
    architecture: str,
    arguments: Mapping[str, Any],
    started_from: str = "",
    taught_by: str = "",
    before: Scores | None = None,
) -> dict[str, Scores]:
    """Write ``history.csv``, ``scores.json``, curves, confusion matrix, misread digits, reliability and the model.

    ``judged`` are by name images and the network's logits for them, (N, C); the last ones are plotted, where they are
    called ``data``. Returns the scores on each, which the card keeps; ``before`` is one of earlier, which it does not.
    ``arguments`` are those that differ from the architecture's defaults.
    """
    scores = {key: score_logits(logits, digits) for key, (digits, logits) in judged.items()}
    records = {key: found.as_record() for key, found in scores.items()}
    run.write_json("scores.json", {**({"before": before.as_record()} if before else {}), **records})
    digits, logits = list(judged.values())[-1]
    # explaining asks where the digits are; a published card tells no other folder of this machine
    options = {o: v.name if isinstance(v, Path) and o != "digits" else v for o, v in run.options.items()}
    run.write_csv("history.csv", [asdict(row) for row in history])
    card = ModelCard(
        name=name,
        architecture=architecture,
        arguments=all_arguments(architecture, **arguments),
        classes=list(digits.classes),
        scores=records,
        recipe=run.recipe,
        options=options,
        versions=versions(),
        date=run.date,
        started_from=started_from,
        taught_by=taught_by,
        calibration=asdict(calibration) if calibration else {},
    )
    card = save_model(run.folder / "model", network, card)
    run.facts.update(weights_sha256=card.weights_sha256)
    save_figure(plot_history(history, name), run.folder / "curves.png")
    save_figure(plot_confusion(list(scores.values())[-1], f"{name} on {data}"), run.folder / "confusion.png")
    save_figure(plot_misread(digits, torch.softmax(logits, dim=1).numpy(), data), run.folder / "misread.png")
    save_figure(plot_reliability(logits, digits.labels, f"{name} on {data}"), run.folder / "reliability.png")
    return scores
