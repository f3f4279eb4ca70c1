"""The fine-tuning experiment: from a published model and two sets of digits to a run's folder."""

from dataclasses import replace
from pathlib import Path

import torch

from toolkit.data.digit_folders import load_digits
from toolkit.evaluation.scores import Scores, predict_logits, score, score_logits
from toolkit.models.bundle import ModelCard, load_model, save_model
from toolkit.reporting.plots import (
    plot_confusion,
    plot_history,
    plot_learning_rates,
    plot_misread,
    save_figure,
)
from toolkit.runs import start_run, versions
from toolkit.training.adapting import Adaptation, layer_rates, make_adapting_learner
from toolkit.training.devices import choose_device
from toolkit.training.export import export_learner
from toolkit.training.fit import best_epoch, fit_one_cycle, history_rows
from toolkit.training.lr_finder import find_learning_rate


def finetune(
    recipe_file: str,
    layers: int | None,
    *,
    model: str,
    lr: float | None,
    epochs: int,
    batch_size: int,
    layer_decay: float,
    weight_decay: float,
    dropout: float | None,
    augment: float,
    patience: int | None,
    seed: int,
    digits: Path | None,
    device: str,
) -> Scores:
    """Fine-tune the last ``layers`` layer groups of ``model`` (all for ``None``); returns validation scores.

    The run's folder holds the finder's plot, the history, curves, confusion matrix, misread digits, the
    model and ``learner.pkl``. The remaining parameters are the options of the ``finetune_*`` recipes.
    """
    not_options = {"recipe_file", "layers", *(["layer_decay"] if layers == 1 else [])}
    options = {name: value for name, value in locals().items() if name not in {*not_options, "not_options"}}
    with start_run(recipe_file, options) as run:
        place = choose_device(device)
        run.options.update(device=str(place))
        sets = load_digits(digits)
        network, start = load_model(model, **({} if dropout is None else {"dropout": dropout}))
        network.to(place)
        before = score(network, sets.validation)
        print(f"Model: {start.name}; {len(sets.training)} digits to train, {len(sets.validation)} to validate")

        how = Adaptation(layers, 0.0, epochs, batch_size, layer_decay, weight_decay, augment)
        learner, freezing = make_adapting_learner(network, sets.training, sets.validation, how, seed, place)
        print(f"Layers: {freezing}")
        found = find_learning_rate(learner)
        reason = "as asked (--lr)" if lr is not None else f"the finder's '{found.suggestion_rule}'"
        lr = found.suggestion if lr is None else lr
        print(f"Learning rate: {lr:.2e}, {reason}")
        run.options.update(lr=lr)
        run.facts.update(sets_sha256=sets.sha256(), model_sha256=start.weights_sha256)
        run.facts.update(lr_reason=reason, learning=freezing.names("learning"), frozen=freezing.names("frozen"))
        run.write_json("lr_find.json", found.as_record())
        save_figure(plot_learning_rates(found, lr, f"{run.recipe}: learning rates"), run.folder / "lr_find.png")

        rates = layer_rates(freezing, replace(how, lr=lr))
        history = fit_one_cycle(learner, epochs, rates, keep_best=True, patience=patience)
        logits = predict_logits(network, sets.validation.images)
        after = score_logits(logits, sets.validation)

        run.write_csv("history.csv", history_rows(history))
        run.write_json("scores.json", {"before": before.as_record(), "validation": after.as_record()})
        run.facts.update(best_epoch=best_epoch(history).epoch)
        card = ModelCard(
            name=f"{start.name}.{run.recipe}",
            architecture=start.architecture,
            arguments=start.arguments,
            classes=start.classes,
            scores={"validation": after.as_record()},
            recipe=run.recipe,
            options=run.options,
            versions=versions(),
            date=run.date,
            started_from=start.weights_sha256,
        )
        card = save_model(run.folder / "model", network, card)
        run.facts.update(weights_sha256=card.weights_sha256)
        export_learner(network, run.folder / "learner.pkl")
        name = f"{start.name}, {run.recipe}"
        probabilities = torch.softmax(logits, dim=1).numpy()
        save_figure(plot_history(history, name), run.folder / "curves.png")
        save_figure(plot_confusion(after, "Validation Set"), run.folder / "confusion.png")
        save_figure(plot_misread(sets.validation, probabilities, "Validation Set"), run.folder / "misread.png")
        print(f"Validation before: {before}\nValidation after:  {after}\nRun: {run.folder}")
    return after
