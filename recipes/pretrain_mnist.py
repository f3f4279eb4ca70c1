"""Train a network on MNIST, for others to start from.

    python -m toolkit recipe pretrain_mnist --model mlp
    python -m toolkit recipe pretrain_mnist --model cnn
    python -m toolkit recipe pretrain_mnist --model resnet

Needs   MNIST (fetched once).
Expect  see docs/results.md for the accuracy, time and curve of each.
"""

from pathlib import Path

import torch

from toolkit.data.augment import augmentation
from toolkit.data.labelled_images import CLASSES
from toolkit.data.loaders import make_loaders
from toolkit.data.mnist import load_mnist
from toolkit.data.splits import hold_out
from toolkit.evaluation.scores import Scores, predict_logits, score, score_logits
from toolkit.models import all_arguments, build_model
from toolkit.models.bundle import ModelCard, save_model
from toolkit.reporting.plots import plot_confusion, plot_history, plot_misread, save_figure
from toolkit.runs import start_run, versions
from toolkit.training.devices import bfloat16_pays, choose_device
from toolkit.training.fit import Autocast, fit_one_cycle, history_rows, make_learner
from toolkit.training.seeds import seed_everything


def run(
    model: str = "resnet",  # architecture: mlp, cnn or resnet
    epochs: int = 45,  # passes over the training set
    lr: float = 2e-3,  # peak learning rate of the one-cycle schedule
    batch_size: int = 128,  # images per step
    weight_decay: float = 0.05,  # decoupled, as in AdamW
    dropout: float = 0.2,  # before the last layers
    label_smoothing: float = 0.05,  # share of the target spread over all digits
    augment: float = 1.0,  # strength of the distortion, 0 for none
    held_out: int = 5000,  # training images held back for validation
    seed: int = 0,  # fixes division, order, augmentation and weights
    mnist: Path | None = None,  # folder with MNIST's files; fetched if not given
    device: str = "auto",  # cpu, cuda, ...
) -> Scores:
    """Scores on MNIST's 10,000 test images, opened once, after the last epoch."""
    with start_run(__file__, locals()) as run:
        place = choose_device(device)
        run.options.update(device=str(place))
        seed_everything(seed)
        data = load_mnist(mnist)
        training, validation = hold_out(data.training, held_out, seed)

        network = build_model(model, dropout=dropout).to(place)
        loaders = make_loaders(training, validation, batch_size, seed, place, augmentation(augment))
        precision = [Autocast()] if bfloat16_pays(place) else []
        learner = make_learner(network, loaders, precision, weight_decay=weight_decay, label_smoothing=label_smoothing)
        history = fit_one_cycle(learner, epochs, [lr])

        held_back = score(network, validation)
        logits = predict_logits(network, data.test.images)
        scores = score_logits(logits, data.test)
        run.write_csv("history.csv", history_rows(history))
        records = {"held_out": held_back.as_record(), "mnist_test": scores.as_record()}
        run.write_json("scores.json", records)
        name = f"mnist_{model}"
        card = ModelCard(
            name=name,
            architecture=model,
            arguments=all_arguments(model, dropout=dropout),
            classes=list(CLASSES),
            scores=records,
            recipe=run.recipe,
            options=run.options,
            versions=versions(),
            date=run.date,
        )
        card = save_model(run.folder / "model", network, card)
        run.facts.update(weights_sha256=card.weights_sha256)
        probabilities = torch.softmax(logits, dim=1).numpy()
        save_figure(plot_history(history, f"{name} on MNIST"), run.folder / "curves.png")
        save_figure(plot_confusion(scores, f"{name} on MNIST's test images"), run.folder / "confusion.png")
        save_figure(plot_misread(data.test, probabilities, name), run.folder / "misread.png")
        print(f"Held out:   {held_back}\nMNIST test: {scores}\nRun: {run.folder}")
    return scores
