"""Training a network on a large set, for others to start from."""

from typing import Any

from fastai.callback.core import Callback

from toolkit.data.augment import USUAL, Augmentation, augmentation
from toolkit.data.loaders import make_loaders
from toolkit.data.mnist import TrainingAndTest
from toolkit.data.splits import hold_out
from toolkit.errors import ToolkitError
from toolkit.evaluation.calibration import calibrate
from toolkit.evaluation.scores import Scores, predict_logits, score_logits
from toolkit.experiments.results import write_results
from toolkit.models import all_arguments, build_model
from toolkit.models.own import is_own, source_sha256
from toolkit.paths import STATE
from toolkit.ranks import rank, world_size
from toolkit.runs import Run
from toolkit.training.devices import bfloat16_pays, choose_device
from toolkit.training.distilling import load_teacher
from toolkit.training.fit import Autocast, fit_one_cycle, make_learner
from toolkit.training.gpu import RecordedSteps
from toolkit.training.ranks import TrainTogether, joined
from toolkit.training.seeds import seed_everything
from toolkit.training.state import SavedState

USUAL_DROPOUT = 0.2


def pretrain(run: Run, data: TrainingAndTest, name: str, test: str, usual: Augmentation = USUAL) -> Scores:
    """Train the network that ``run.options`` describe; returns its scores on ``data.test``, seen once, at the end.

    The options are those of ``pretrain_mnist``. ``name`` is the model's, ``test`` what the card and the plots call the
    test images, ``usual`` what ``augment`` multiplies.
    """
    asked: dict[str, Any] = run.options
    place, seed = choose_device(asked["device"]), asked["seed"]
    arguments: dict[str, float] = {}
    if "dropout" in all_arguments(asked["model"]):
        arguments = {"dropout": USUAL_DROPOUT if asked["dropout"] is None else asked["dropout"]}
    elif asked["dropout"] is not None:
        raise ToolkitError(f"{asked['model']} takes no dropout. Leave --dropout out, or add it to the network.")
    run.options.update(device=str(place), **arguments)
    seed_everything(seed)
    training, validation = hold_out(data.training, asked["held_out"], seed)

    network = build_model(asked["model"], len(training.classes), **arguments).to(place)
    distortion = augmentation(asked["augment"], usual)
    loaders = make_loaders(training, validation, asked["batch_size"], seed, place, distortion)
    extras: list[Callback] = [Autocast()] if bfloat16_pays(place) else []
    taught_by = ""
    if asked["teacher"]:
        teacher = load_teacher(asked["teacher"], training.classes, place)
        taught_by = teacher.weights_sha256
        extras.append(teacher)
    if world_size() > 1:
        extras.append(TrainTogether())
    # not for a network whose Python may decide from step to step, nor with a teacher: a recorded step asks none
    elif place.type == "cuda" and not is_own(asked["model"]) and not asked["teacher"]:
        extras.append(RecordedSteps())
    smoothing = asked["label_smoothing"]
    learner = make_learner(network, loaders, extras, weight_decay=asked["weight_decay"], label_smoothing=smoothing)
    # by content: the command names files, which may have been changed since it was cut off
    saved = SavedState(run.folder / STATE, [data.training.sha256(), source_sha256(asked["model"]), taught_by])
    with joined(place):
        history = fit_one_cycle(learner, asked["epochs"], [asked["lr"]], show_progress=not rank(), saved=saved)
    run.facts.update(saved.facts())

    held_out = predict_logits(network, validation.images)
    calibration, held_out = calibrate(network, held_out, validation.labels)
    logits = predict_logits(network, data.test.images)
    if rank():
        return score_logits(logits, data.test)
    called = test.replace("mnist_test", "MNIST's test images")
    built: dict[str, Any] = {"architecture": asked["model"], "arguments": arguments, "taught_by": taught_by}
    judged = {"held_out": (validation, held_out), test: (data.test, logits)}
    scores = write_results(run, network, history, judged, calibration, name=name, data=called, **built)
    print(f"Calibration: {calibration}")
    print(f"Held out:   {scores['held_out']}\n{test.replace('mnist_test', 'MNIST test')}: {scores[test]}")
    print(f"Run: {run.folder}")
    return scores[test]
