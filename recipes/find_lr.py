"""Draw the learning-rate finder's curve for any model on any data.

    python -m toolkit recipe find_lr
    python -m toolkit recipe find_lr --model mnist_cnn --layers 1
    python -m toolkit recipe find_lr --model mlp --data mnist --batch-size 64

Needs   digits in Training Set and Validation Set, or MNIST (fetched once).
Expect  lr_find.png with the suggestions marked, the numbers in lr_find.json.
"""

from dataclasses import asdict
from pathlib import Path

from toolkit.data.image_sets import ImageSets, load_sets
from toolkit.data.mnist import load_mnist
from toolkit.data.splits import hold_out
from toolkit.errors import ToolkitError
from toolkit.models import ARCHITECTURES, build_model
from toolkit.reporting.plots import plot_learning_rates, save_figure
from toolkit.runs import start_run
from toolkit.training.adapting import Adaptation, load_for, make_adapting_learner
from toolkit.training.devices import choose_device
from toolkit.training.lr_finder import LearningRates, find_learning_rate
from toolkit.training.seeds import seed_everything


def run(
    model: str = "mnist_resnet",  # published model, run's folder, or mlp, cnn, resnet for a new one
    layers: int | None = None,  # how many of the last layers learn; without it all
    data: str = "digits",  # digits (your own) or mnist
    batch_size: int = 16,  # images per step; refused if larger than the training set
    weight_decay: float = 0.01,  # decoupled, as in AdamW
    augment: float = 1.0,  # strength of the distortion, 0 for none
    iterations: int = 100,  # steps from the lowest to the highest rate
    lowest: float = 1e-6,  # first learning rate
    highest: float = 10.0,  # last learning rate, unless the loss explodes before
    seed: int = 0,  # fixes order, augmentation and new weights
    digits: Path | None = None,  # folder with the three sets; without it the repository's
    mnist: Path | None = None,  # folder with MNIST's files; fetched if not given
    device: str = "auto",  # cpu, cuda, ...
) -> LearningRates:
    """The curve and its suggestions."""
    with start_run(__file__, locals()) as run:
        place = choose_device(device)
        run.options.update(device=str(place))
        seed_everything(seed)
        unused = {"digits": mnist, "mnist": digits}.get(data)
        if unused is not None:
            raise ToolkitError(f"The folder {unused} is not for --data {data}. Leave it out or choose the other data.")
        if data == "digits":
            sets = load_sets(digits)
        elif data == "mnist":
            sets = ImageSets(*hold_out(load_mnist(mnist).training, 5000, seed))
        else:
            raise ToolkitError(f"There are no data '{data}'. Choose digits or mnist.")
        if model in ARCHITECTURES:
            network = build_model(model, len(sets.classes))
        else:
            network = load_for(model, sets.training).network
        network.to(place)
        how = Adaptation(layers, 0.0, batch_size=batch_size, weight_decay=weight_decay, augment=augment)
        learner, freezing = make_adapting_learner(network, sets, how, seed, place)
        print(f"Layers: {freezing}")
        found = find_learning_rate(learner, lowest, highest, iterations)

        run.write_json("lr_find.json", asdict(found))
        figure = plot_learning_rates(found, None, f"{Path(model).name} on {data}, batches of {batch_size}")
        save_figure(figure, run.folder / "lr_find.png")
        for rule, rate in found.suggestions.items():
            print(f"{rule:8} {rate:.2e}")
        print(f"Run: {run.folder}")
    return found
