"""What dropout and layer normalisation each do to a convolutional network, and both together.

    python -m toolkit recipe analyze_cnn
    python -m toolkit recipe analyze_cnn --epochs 12 --seeds 5

The same protocol as analyze_mlp: plain stochastic gradient descent, several seeds, the best variant by the
validation part trained once more and tested, once.

Needs   MNIST (fetched once), or Kaggle's "Digit Recognizer" as CSV.
Expect  about 15 minutes on 2 CPU cores, 99.1 % of the test part; the table and figures are in docs/record.md.
        Interrupted, it goes on where it stopped.
"""

from pathlib import Path

from toolkit.evaluation.scores import Scores
from toolkit.experiments.analysis import analyze
from toolkit.recipes import numbers
from toolkit.runs import start_run
from toolkit.training.trainings import Setting

VARIANTS = {  # dropout is used or not, norm
    "plain": (False, "none"),
    "dropout": (True, "none"),
    "layer norm": (False, "layer"),
    "both": (True, "layer"),
}


def run(
    channels: str = "16,32,64",  # of each block's convolutions
    convolutions: int = 1,  # in each block
    dropout: float = 0.3,  # of the variants that have it, before the last two layers
    lr: float = 0.1,  # learning rate in the first epoch
    decay: float = 0.7,  # factor on the learning rate after every epoch
    batch_size: int = 32,  # images per step
    epochs: int = 8,  # passes over the training images
    seeds: int = 3,  # trainings of every variant
    seed: int = 0,  # the first of them
    split_seed: int = 0,  # fixes which image is in which part
    mnist: Path | None = None,  # folder with MNIST's files; fetched if not given
    csv: Path | None = None,  # CSV file of labelled digits instead of MNIST's own
    processes: int | None = None,  # trainings side by side on the CPU; without it one per core, four at most
    cluster: str | None = None,  # Ray's address, or auto for the one of this machine, instead of processes
    device: str = "auto",  # cpu, cuda, ...
    fresh: bool = False,  # begin anew, not where an unfinished run stopped
) -> Scores:
    """Scores of the chosen variant on the test part."""
    with start_run(__file__, locals()) as run:
        shape = {"channels": numbers("channels", channels, int), "convolutions": convolutions}

        def make(variant: str) -> Setting:
            with_dropout, norm = VARIANTS[variant]
            varied = {"norm": norm, "dropout": dropout if with_dropout else 0.0}
            return Setting("cnn", {**shape, **varied}, lr, batch_size, epochs, decay)

        return analyze(run, make, {"variant": ("plain", list(VARIANTS))})
