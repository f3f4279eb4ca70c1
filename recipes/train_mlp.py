"""Train a feed-forward network from scratch with plain stochastic gradient descent.

    python -m toolkit recipe train_mlp
    python -m toolkit recipe train_mlp --hidden 512,512 --lr 0.1 --batch-size 32
    python -m toolkit recipe train_mlp --csv train.csv

Needs   MNIST (fetched once), or Kaggle's "Digit Recognizer" as CSV.
Expect  see docs/record.md; the loop is toolkit/training/plain_sgd.py.
"""

from pathlib import Path

from toolkit.data.parts import load_parts
from toolkit.evaluation.scores import Scores
from toolkit.experiments.analysis import train_and_judge
from toolkit.recipes import numbers
from toolkit.runs import start_run
from toolkit.training.devices import choose_device
from toolkit.training.trainings import Setting


def run(
    hidden: str = "256,128",  # neurons of each hidden layer
    lr: float = 0.01,  # learning rate, the same throughout
    batch_size: int = 64,  # images per step
    epochs: int = 20,  # passes over the training images
    dropout: float = 0.0,  # after every hidden layer
    layer_norm: bool = False,  # layer normalisation in every hidden layer
    seed: int = 0,  # fixes weights and order
    split_seed: int = 0,  # fixes which image is in which part
    mnist: Path | None = None,  # folder with MNIST's files; fetched if not given
    csv: Path | None = None,  # CSV file of labelled digits instead of MNIST's own
    device: str = "auto",  # cpu, cuda, ...
    fresh: bool = False,  # begin anew, not where an unfinished run stopped
) -> Scores:
    """Validation scores after the last epoch; the test part stays unseen."""
    with start_run(__file__, locals()) as run:
        place = choose_device(device)
        run.options.update(device=str(place))
        parts = load_parts(mnist, csv, split_seed)
        print(parts)
        arguments = {"hidden": numbers("hidden", hidden, int), "dropout": dropout, "layer_norm": layer_norm}
        setting = Setting("mlp", arguments, lr, batch_size, epochs)
        diverged = "{} Train again with a smaller learning rate (--lr)."
        scores, _ = train_and_judge(run, setting, seed, parts, place, "validation", "mlp", diverged)
        print(f"Validation: {scores}\nRun: {run.folder}")
    return scores
