"""Train a network on MNIST, for others to start from.

    python -m toolkit recipe pretrain_mnist --model mlp
    python -m toolkit recipe pretrain_mnist --model cnn
    python -m toolkit recipe pretrain_mnist --model resnet

Needs   MNIST (fetched once).
Expect  see docs/results.md for the accuracy, time and curve of each.
"""

from pathlib import Path

from toolkit.data.augment import augmentation
from toolkit.data.loaders import make_loaders
from toolkit.data.mnist import load_mnist
from toolkit.data.splits import hold_out
from toolkit.evaluation.scores import Scores, predict_logits, score, score_logits
from toolkit.experiments.results import write_results
from toolkit.models import build_model
from toolkit.runs import start_run
from toolkit.training.devices import bfloat16_pays, choose_device
from toolkit.training.fit import Autocast, fit_one_cycle, make_learner
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
        both = {"held_out": held_back, "mnist_test": scores}
        run.write_json("scores.json", {name: found.as_record() for name, found in both.items()})
        write_results(
            run,
            network,
            history,
            both,
            (data.test, logits),
            name=f"mnist_{model}",
            data="MNIST's test images",
            architecture=model,
            arguments={"dropout": dropout},
        )
        print(f"Held out:   {held_back}\nMNIST test: {scores}\nRun: {run.folder}")
    return scores
