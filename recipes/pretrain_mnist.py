"""Train a network on MNIST, for others to start from.

    python -m toolkit recipe pretrain_mnist --model resnet
    python -m toolkit recipe pretrain_mnist --model cnn --epochs 16
    python -m toolkit recipe pretrain_mnist --model mlp --epochs 60 --dropout 0.1 --weight-decay 0.01
    python -m toolkit recipe pretrain_mnist --model timm:mobilenetv3_small_050 --epochs 5

Needs   MNIST (fetched once). A network of your own goes into recipes/: docs/your_own_recipe.md.
Expect  see docs/record.md for the accuracy, time and curve of each.
"""

from pathlib import Path

from toolkit.data.augment import ANY_HAND
from toolkit.data.mnist import load_mnist
from toolkit.evaluation.scores import Scores
from toolkit.experiments.pretraining import pretrain
from toolkit.runs import start_run


def run(
    model: str = "resnet",  # mlp, cnn, resnet, timm:NAME, or recipes/FILE.py:CLASS for your own
    epochs: int = 24,  # passes over the training set
    lr: float = 2e-3,  # peak learning rate of the one-cycle schedule
    batch_size: int = 128,  # images per step
    weight_decay: float = 0.05,  # decoupled, as in AdamW
    dropout: float | None = None,  # before the last layers; without it 0.2, where the network takes it
    label_smoothing: float = 0.05,  # share of the target spread over all classes
    augment: float = 1.0,  # strength of the distortion, 0 for none
    teacher: str | None = None,  # published model, or several with commas, to learn from as well
    held_out: int = 5000,  # training images held back for validation
    seed: int = 0,  # fixes division, order, augmentation and weights
    mnist: Path | None = None,  # folder with MNIST's files; fetched if not given
    device: str = "auto",  # cpu, cuda, ...
    fresh: bool = False,  # begin anew, not where an unfinished run stopped
) -> Scores:
    """Scores on MNIST's 10,000 test images, opened once, after the last epoch."""
    with start_run(__file__, locals(), together=True) as run:
        name = model.rpartition(":")[2]
        return pretrain(run, load_mnist(mnist), f"mnist_{name}", "mnist_test", ANY_HAND)
