"""The fine-tuning experiment: from a published model and two sets of digits to a run's folder."""

from dataclasses import asdict, replace
from typing import Any

from toolkit.classes import things
from toolkit.data.image_sets import load_sets
from toolkit.errors import ToolkitError
from toolkit.evaluation.calibration import calibrate
from toolkit.evaluation.scores import Scores, predict_logits, score
from toolkit.experiments.results import write_results
from toolkit.paths import STATE
from toolkit.reporting.plots import plot_learning_rates, save_figure
from toolkit.runs import Run
from toolkit.training.adapting import ADAPTATIONS, Adaptation, adapt, layer_rates, load_for, make_adapting_learner
from toolkit.training.devices import choose_device
from toolkit.training.export import export_learner
from toolkit.training.fit import LossNotFiniteError, fit_one_cycle
from toolkit.training.history import Epoch, best_epoch
from toolkit.training.lr_finder import find_learning_rate
from toolkit.training.state import SavedState


def finetune(run: Run, layers: int | None) -> Scores:
    """Fine-tune the last ``layers`` layer groups (all for ``None``) as ``run.options`` say; returns validation scores.

    The options are those of the ``finetune_*`` recipes. The run's folder holds the finder's plot, the history, curves,
    confusion matrix, misread digits, the model and ``learner.pkl``. Where the images are of other classes than the
    model's, it gets a new last layer. With ``probe`` the last layer learns alone for so many epochs first.
    """
    asked: dict[str, Any] = {"layer_decay": 1.0, "probe": None, **run.options}  # the last layer alone has neither
    model, lr, epochs, seed = (asked[name] for name in ("model", "lr", "epochs", "seed"))
    place = choose_device(asked["device"])
    run.options.update(device=str(place))
    sets = load_sets(asked["digits"])
    start = load_for(model, sets.training, asked["dropout"])
    network, card = start.network.to(place), start.card
    what = things(sets.classes)
    print(f"Model: {card.name}; {len(sets.training)} {what} to train, {len(sets.validation)} to validate")
    before = None if start.new else score(network, sets.validation)
    if start.new_layer:
        print(f"Last layer: {start}")
        run.facts.update(known_classes=list(start.kept), new_classes=list(start.new), first_loss=start.first_loss)

    options = {name: asked[name] for name in ("batch_size", "layer_decay", "weight_decay", "augment")}
    how = Adaptation(layers, 0.0, epochs, **options)
    if probe := asked["probe"]:
        print(f"Linear probe: the last layer alone, {probe} epochs at {ADAPTATIONS[1].lr:g}")
        head = replace(how, layers=1, lr=ADAPTATIONS[1].lr, epochs=probe)
        try:
            adapt(network, sets, head, seed, place)
        except LossNotFiniteError as error:
            raise ToolkitError(f"Linear probe: {error.what} Leave --probe out.") from error
    learner, freezing = make_adapting_learner(network, sets, how, seed, place)
    print(f"Layers: {freezing}")
    found = find_learning_rate(learner)
    reason = "as asked (--lr)"
    if lr is None:
        rule, lr = found.suggestion
        reason = f"the finder's '{rule}'"
    print(f"Learning rate: {lr:.2e}, {reason}")
    run.options.update(lr=lr)
    run.facts.update(sets_sha256=sets.sha256(), model_sha256=card.weights_sha256)
    learning, frozen = ([group.name for group in groups] for groups in (freezing.learning, freezing.frozen))
    run.facts.update(lr_reason=reason, learning=learning, frozen=frozen)
    run.write_json("lr_find.json", asdict(found))
    save_figure(plot_learning_rates(found, lr, f"{run.recipe}: learning rates"), run.folder / "lr_find.png")

    rates = layer_rates(freezing, replace(how, lr=lr))
    saved = SavedState(run.folder / STATE, {"sets": sets.sha256(), "model": card.weights_sha256})

    def tell(rows: list[Epoch]) -> None:  # whoever watches sees the curves grow
        run.write_csv("history.csv", [asdict(row) for row in rows])

    history = fit_one_cycle(learner, epochs, rates, keep_best=True, patience=asked["patience"], saved=saved, told=tell)
    run.facts.update(saved.facts())
    logits = predict_logits(network, sets.validation.images)
    calibration, logits = calibrate(network, logits, sets.validation.labels)
    run.facts.update(best_epoch=best_epoch(history).epoch)
    built: dict[str, Any] = {"architecture": card.architecture, "arguments": card.arguments}
    built |= {"name": f"{card.name}.{run.recipe}", "data": "Validation Set", "started_from": card.weights_sha256}
    judged = {"validation": (sets.validation, logits)}
    after = write_results(run, network, history, judged, calibration, before=before, **built)["validation"]
    export_learner(network, sets.classes, run.folder / "learner.pkl")
    print(f"Validation before: {before or f'not measured, since {len(start.new)} classes are new to the model'}")
    print(f"Validation after:  {after}\nCalibration: {calibration}\nRun: {run.folder}")
    return after
