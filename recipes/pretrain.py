"""Train a network on any set in MNIST's file format, for others to start from.

    python -m toolkit recipe pretrain --data fashion-mnist --names fashion --model cnn --epochs 8
    python -m toolkit recipe pretrain --data emnist-letters --model cnn --epochs 8
    python -m toolkit recipe pretrain --data my_set --names "cat,dog" --model mlp --epochs 10 --held-out 200

Needs   a folder with images to train on and to test with, as IDX files named like MNIST's or as two CSV files:
        Fashion-MNIST, Kuzushiji-MNIST, EMNIST or your own (docs/other_classes.md).
Expect  a model in the run's folder, to be named with --model where a recipe starts from one.
"""

from pathlib import Path

from toolkit.data.mnist_like import load_mnist_like
from toolkit.errors import ToolkitError
from toolkit.evaluation.scores import Scores
from toolkit.experiments.pretraining import pretrain
from toolkit.runs import start_run


def run(
    data: Path | None = None,  # folder with the set
    names: str | None = None,  # what labels 0, 1, ... mean, with commas; or fashion, kuzushiji
    model: str = "resnet",  # mlp, cnn, resnet, timm:NAME, or recipes/FILE.py:CLASS for your own
    epochs: int = 45,  # passes over the training set
    lr: float = 2e-3,  # peak learning rate of the one-cycle schedule
    batch_size: int = 128,  # images per step
    weight_decay: float = 0.05,  # decoupled, as in AdamW
    dropout: float | None = None,  # before the last layers; without it 0.2, where the network takes it
    label_smoothing: float = 0.05,  # share of the target spread over all classes
    augment: float = 1.0,  # strength of the distortion, 0 for none
    teacher: str | None = None,  # published model, or several with commas, to learn from as well
    held_out: int = 5000,  # training images held back for validation
    seed: int = 0,  # fixes division, order, augmentation and weights
    device: str = "auto",  # cpu, cuda, ...
    fresh: bool = False,  # begin anew, not where an unfinished run stopped
) -> Scores:
    """Scores on the set's test images, opened once, after the last epoch."""
    if data is None:
        raise ToolkitError("There is nothing to train on. Name a folder in MNIST's file format: --data FOLDER")
    with start_run(__file__, locals(), together=True) as run:
        found = load_mnist_like(data, names)
        print(f"Training: {found.training.said_counts()}")
        return pretrain(run, found, f"{data.resolve().name}_{model.rpartition(':')[2]}", "test")
