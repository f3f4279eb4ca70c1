"""What learning rate, batch size, neurons and layers each do to a feed-forward network.

    python -m toolkit recipe analyze_mlp
    python -m toolkit recipe analyze_mlp --learning-rates 0.001,0.01,0.1,0.5 --seeds 5

One factor at a time is varied from a baseline, every training starts from scratch, and an analysis that was
interrupted goes on where it stopped. The setting that does best on the validation part is trained once more
and tested, once.

Needs   MNIST (fetched once), or Kaggle's "Digit Recognizer" as CSV.
Expect  6 to 12 minutes on 2 CPU cores, 98.2 % of the test part; tables and figures are in docs/record.md.
"""

from collections.abc import Sequence
from pathlib import Path

from toolkit.evaluation.scores import Scores
from toolkit.experiments.analysis import analyze
from toolkit.recipes import numbers
from toolkit.runs import start_run
from toolkit.training.trainings import Setting


def run(
    learning_rates: str = "0.01,0.03,0.1,0.3",  # values to try
    batch_sizes: str = "16,32,64,256",  # values to try
    neurons_per_layer: str = "32,128,256,512",  # values to try
    hidden_layers: str = "2,3,4,5",  # values to try
    learning_rate: float = 0.1,  # the baseline's
    batch_size: int = 32,  # the baseline's
    neurons: int = 128,  # the baseline's, in every hidden layer
    layers: int = 2,  # the baseline's hidden layers
    epochs: int = 10,  # passes over the training images
    seeds: int = 3,  # trainings of every setting
    seed: int = 0,  # the first of them
    split_seed: int = 0,  # fixes which image is in which part
    mnist: Path | None = None,  # folder with MNIST's files; fetched if not given
    csv: Path | None = None,  # CSV file of labelled digits instead of MNIST's own
    processes: int | None = None,  # trainings side by side on the CPU; without it one per core, four at most
    cluster: str | None = None,  # Ray's address, or auto for the one of this machine, instead of processes
    device: str = "auto",  # cpu, cuda, ...
    fresh: bool = False,  # begin anew, not where an unfinished run stopped
) -> Scores:
    """Scores of the chosen setting on the test part."""
    with start_run(__file__, locals()) as run:

        def make(learning_rate: float, batch_size: int, neurons_per_layer: int, hidden_layers: int) -> Setting:
            hidden = [neurons_per_layer] * hidden_layers
            return Setting("mlp", {"hidden": hidden}, learning_rate, batch_size, epochs)

        tried: dict[str, tuple[float, Sequence[float]]] = {
            "learning_rate": (learning_rate, numbers("learning_rates", learning_rates, float)),
            "batch_size": (batch_size, numbers("batch_sizes", batch_sizes, int)),
            "neurons_per_layer": (neurons, numbers("neurons_per_layer", neurons_per_layer, int)),
            "hidden_layers": (layers, numbers("hidden_layers", hidden_layers, int)),
        }
        return analyze(run, make, {name: (start, sorted({*own, start})) for name, (start, own) in tried.items()})
