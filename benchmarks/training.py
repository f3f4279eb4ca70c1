"""How long does an epoch of plain SGD take, here and elsewhere? ``python -m benchmarks.training``

An epoch is 42,000 images to train on and 14,000 to validate with. Five ways, one after the other, round after round:
torch's usual loop, fastai's usual DataBlock over a folder of PNGs, fastai's Learner over batches in memory, this
toolkit, and the floor, the arithmetic alone. ``--architecture cnn``, ``--batch-size 16``; ``--account`` says where the
time of an MLP's step goes; ``--eight`` compares eight networks trained as one batched computation with eight trainings
side by side.
"""

import contextlib
import io
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path

import torch
import typer
from fastai.data.block import CategoryBlock, DataBlock
from fastai.data.transforms import GrandparentSplitter, get_image_files, parent_label
from fastai.learner import Learner
from fastai.metrics import accuracy
from fastai.optimizer import SGD
from fastai.vision.core import PILImageBW
from fastai.vision.data import ImageBlock
from PIL import Image
from torch import nn
from torch.nn.functional import cross_entropy, linear, log_softmax, nll_loss, one_hot
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import MNIST

from recipes import train_mlp
from recipes.analyze_cnn import VARIANTS
from toolkit.data.loaders import VALIDATION_BATCH, make_loaders
from toolkit.data.mnist import mnist_cache
from toolkit.data.parts import Parts, load_parts
from toolkit.models import build_model
from toolkit.models.pixels import MNIST_MEAN, MNIST_STD
from toolkit.training.history import Tally
from toolkit.training.plain_sgd import descend
from toolkit.training.trainings import Setting, train, train_all

RATE = 0.01
WIDTHS = (784, 256, 128, 10)
CNN = {"channels": [16, 32, 64], "convolutions": 1, "norm": VARIANTS["both"][1], "dropout": 0.3}
CPU = torch.device("cpu")


Batches = Iterable[tuple[torch.Tensor, torch.Tensor]]


def main(
    architecture: str = "mlp", batch_size: int = 64, rounds: int = 5, account: bool = False, eight: bool = False
) -> None:
    """Print the median seconds of an epoch, and how many times as long as here each way takes."""
    parts = load_parts()
    architecture = "mlp" if account or eight else architecture
    print(f"{architecture}, batches of {batch_size}, {torch.get_num_threads()} threads, medians of {rounds} rounds")
    if eight:
        print_eight(parts, batch_size)
        return
    if account:
        print_account(parts, batch_size, rounds)
        return
    with tempfile.TemporaryDirectory() as folder:
        ways = {
            "torch's usual loop": torch_loop(parts, architecture, batch_size, Path(folder)),
            "fastai, DataBlock over PNGs": fastai_datablock(parts, architecture, batch_size, Path(folder)),
            "fastai, batches in memory": fastai_in_memory(parts, architecture, batch_size),
            "this toolkit": toolkit_path(parts, architecture, batch_size),
            "the arithmetic alone": floor(parts, architecture, batch_size),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, epoch in ways.items():
                seconds[name].append(epoch())
    ours = statistics.median(seconds["this toolkit"])
    for name, taken in seconds.items():
        median = statistics.median(taken)
        print(f"{name:28} {median:7.2f} s ({min(taken):.2f} to {max(taken):.2f})   {median / ours:6.2f}", flush=True)


def network(architecture: str) -> nn.Module:
    """A new network of the kind that is compared."""
    torch.manual_seed(0)
    return build_model("mlp", hidden=WIDTHS[1:-1]) if architecture == "mlp" else build_model("cnn", **CNN)


def timed(function: Callable[[], object]) -> float:
    """Seconds a call takes."""
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def torch_loop(parts: Parts, architecture: str, batch_size: int, folder: Path) -> Callable[[], float]:
    """torchvision's MNIST with transforms, DataLoader and optimizer as tutorials have them."""
    (folder / "MNIST").mkdir()
    (folder / "MNIST" / "raw").symlink_to(mnist_cache())
    scale = transforms.Normalize(MNIST_MEAN / 255, MNIST_STD / 255)
    digits = MNIST(folder, train=True, transform=transforms.Compose([transforms.ToTensor(), scale]))
    ends = [len(parts.training), len(parts.training) + len(parts.validation)]
    training = DataLoader(torch.utils.data.Subset(digits, range(ends[0])), batch_size, shuffle=True)
    validation = DataLoader(torch.utils.data.Subset(digits, range(*ends)), VALIDATION_BATCH)
    model = network(architecture)
    model.pixels = nn.Identity()  # the transforms have done its work
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)

    def epoch() -> None:
        model.train()
        for images, labels in training:
            optimizer.zero_grad()
            cross_entropy(model(images), labels).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            sum(int((model(images).argmax(1) == labels).sum()) for images, labels in validation)

    return lambda: timed(epoch)


def fastai_datablock(parts: Parts, architecture: str, batch_size: int, folder: Path) -> Callable[[], float]:
    """A folder of PNGs, read by fastai's data block with its own defaults."""
    for part, digits in (("train", parts.training), ("valid", parts.validation)):
        for number, (image, label) in enumerate(zip(digits.images[:, 0], digits.labels, strict=True)):
            path = folder / "png" / part / str(label) / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    block = DataBlock(
        blocks=(ImageBlock(PILImageBW), CategoryBlock),
        get_items=get_image_files,
        splitter=GrandparentSplitter(),
        get_y=parent_label,
    )
    loaders = block.dataloaders(folder / "png", bs=batch_size, device="cpu")
    model = network(architecture)
    model.pixels = nn.Identity()
    learner = Learner(loaders, model, nn.CrossEntropyLoss(), opt_func=SGD, lr=RATE, metrics=accuracy)
    return lambda: timed(lambda: fit_quietly(learner))


def fastai_in_memory(parts: Parts, architecture: str, batch_size: int) -> Callable[[], float]:
    """fastai's Learner and optimizer over this toolkit's batches."""
    loaders = make_loaders(parts.training, parts.validation, batch_size, 0, CPU)
    learner = Learner(loaders, network(architecture), nn.CrossEntropyLoss(), opt_func=SGD, lr=RATE, metrics=accuracy)
    return lambda: timed(lambda: fit_quietly(learner))


def fit_quietly(learner: Learner) -> None:
    """One epoch."""
    with learner.no_bar(), learner.no_logging():
        learner.fit(1)


def toolkit_path(parts: Parts, architecture: str, batch_size: int) -> Callable[[], float]:
    """The recipe ``train_mlp``, or for a CNN what ``analyze_cnn`` calls; its own account of an epoch.

    Every call builds a new network, so the second epoch is taken: the other ways are warm after their first round.
    """

    def mlp() -> float:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            train_mlp.run(hidden="256,128", lr=RATE, batch_size=batch_size, epochs=2)
        folder = Path(printed.getvalue().rpartition("Run: ")[2].strip())
        header, _, row = (line.split(",") for line in (folder / "history.csv").read_text().splitlines())
        return float(dict(zip(header, row, strict=True))["seconds"])

    def cnn() -> float:
        return train(Setting("cnn", CNN, RATE, batch_size, 1), 0, parts, CPU)[1].seconds_per_epoch

    return mlp if architecture == "mlp" else cnn


def floor(parts: Parts, architecture: str, batch_size: int) -> Callable[[], float]:
    """An MLP's matrix products, forward and backward; a CNN's forward and backward pass on one batch in memory."""
    steps = -(-len(parts.training) // batch_size)
    looks = -(-len(parts.validation) // VALIDATION_BATCH)
    if architecture == "mlp":
        training, validation = factors(batch_size), factors(VALIDATION_BATCH)

        def epoch() -> None:
            for _ in range(steps):
                multiply(training)
            for _ in range(looks):
                for inputs, weight, _ in validation:
                    inputs @ weight.T
    else:
        model = network(architecture).train()
        parameters = list(model.parameters())
        images, labels = (
            torch.from_numpy(array[:batch_size]) for array in (parts.training.images, parts.training.labels)
        )
        many = torch.from_numpy(parts.validation.images[:VALIDATION_BATCH])

        def epoch() -> None:
            for _ in range(steps):
                torch.autograd.grad(cross_entropy(model(images), labels), parameters)
            with torch.no_grad():
                for _ in range(looks):
                    model(many)

    return lambda: timed(epoch)


def factors(size: int) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Inputs, weight and gradient of the outputs, random, of every layer for ``size`` images."""
    sizes = pairwise(WIDTHS)
    return [(torch.randn(size, inputs), torch.randn(out, inputs), torch.randn(size, out)) for inputs, out in sizes]


def multiply(layers: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]) -> None:
    """The matrix products of a step, forward and backward."""
    for number, (inputs, weight, gradient) in enumerate(layers):
        inputs @ weight.T
        gradient.T @ inputs
        if number:  # pixels need no gradient
            gradient @ weight


def print_account(parts: Parts, batch_size: int, rounds: int) -> None:
    """Where a step's microseconds go: six ways to take the same steps, each with one thing more than the one before."""
    loaders = make_loaders(parts.training, parts.validation, batch_size, 0, CPU)
    ready = list(loaders.train)
    layers = factors(batch_size)
    model = network("mlp").train()

    def count() -> None:
        tally = Tally()
        for logits, loss, labels in descend(model, loaders.train, RATE):
            loss.item()
            tally.add(logits, loss, labels)

    ways: dict[str, Callable[[], object]] = {
        "matrix products": lambda: [multiply(layers) for _ in ready],
        "pixels, biases, ReLU, loss, update": lambda: written_out(model, ready),
        "autograd": lambda: with_autograd(model, ready),
        "modules": lambda: list(map(len, descend(model, ready, RATE))),
        "the data loader": lambda: list(map(len, descend(model, loaders.train, RATE))),
        "loss looked at, and counted": count,
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            taken[name].append(timed(way) / len(ready) * 1e6)
    before = 0.0
    for name, microseconds in taken.items():
        median = statistics.median(microseconds)
        least = min(microseconds)
        print(f"{name:36} {median - before:6.0f} us   together {median:6.0f} us (least {least:.0f})", flush=True)
        before = median


def written_out(model: nn.Module, batches: Batches) -> None:
    """Plain SGD on an MLP whose gradients are written out by hand, with the operations that autograd would use."""
    weights, biases = parameters(model)
    with torch.no_grad():
        for images, labels in batches:
            values = [((images.float() - MNIST_MEAN) / MNIST_STD).flatten(1)]
            for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
                values.append(linear(values[-1], weight, bias).relu())
            logs = log_softmax(linear(values[-1], weights[-1], biases[-1]), 1)
            nll_loss(logs, labels)
            gradient = (logs.exp() - one_hot(labels, WIDTHS[-1])) / len(labels)
            steps = []
            for weight, bias in zip(reversed(weights), reversed(biases), strict=True):
                inputs = values.pop()
                # laid out in memory as the weight is: the first, column by column
                product = gradient.T @ inputs if weight.is_contiguous() else (inputs.T @ gradient).T
                steps += [(weight, product), (bias, gradient.sum(0))]
                if values:
                    gradient = (gradient @ weight) * (inputs > 0)
            for parameter, step in steps:
                parameter.sub_(step, alpha=RATE)


def with_autograd(model: nn.Module, batches: Batches) -> None:
    """The same, but that autograd finds the gradients."""
    weights, biases = parameters(model)
    both = [*weights, *biases]
    for images, labels in batches:
        values = ((images.float() - MNIST_MEAN) / MNIST_STD).flatten(1)
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            values = linear(values, weight, bias).relu()
        loss = cross_entropy(linear(values, weights[-1], biases[-1]), labels)
        gradients = torch.autograd.grad(loss, both)
        with torch.no_grad():
            for parameter, gradient in zip(both, gradients, strict=True):
                parameter.sub_(gradient, alpha=RATE)


def parameters(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """An MLP's weights and its biases, layer by layer."""
    both = list(model.parameters())
    return both[::2], both[1::2]


def print_eight(parts: Parts, batch_size: int, epochs: int = 4) -> None:
    """Eight seeds of one network: side by side on all cores, and as one computation that does not even validate.

    What it takes to start the processes is not counted: an analysis starts them once.
    """
    cores = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as folder:
        setting = Setting("mlp", {"hidden": list(WIDTHS[1:-1])}, RATE, batch_size, epochs)
        (outcomes,) = train_all([setting], range(8), parts, CPU, Path(folder), cores)
    apart = sum(row.seconds for outcome in outcomes for row in outcome.history) / cores
    together = timed(lambda: train_as_one(parts, batch_size, epochs, 8))
    print(f"eight trainings of {epochs} epochs side by side: {apart:.1f} s; as one computation: {together:.1f} s")


def train_as_one(parts: Parts, batch_size: int, epochs: int, models: int) -> None:
    """Plain SGD on ``models`` networks at once: every layer is one batched matrix product."""
    images = torch.from_numpy(parts.training.images).flatten(1)
    labels = torch.from_numpy(parts.training.labels)
    parameters = []
    for inputs, outputs in pairwise(WIDTHS):
        bound = inputs**-0.5
        parameters.append(torch.empty(models, inputs, outputs).uniform_(-bound, bound).requires_grad_())
        parameters.append(torch.empty(models, 1, outputs).uniform_(-bound, bound).requires_grad_())
    for _ in range(epochs):
        orders = torch.stack([torch.randperm(len(images)) for _ in range(models)])
        for indices in orders.split(batch_size, dim=1):
            chosen = indices.reshape(-1)
            values = ((images.index_select(0, chosen) - MNIST_MEAN) / MNIST_STD).view(*indices.shape, -1)
            for number in range(0, len(parameters), 2):
                values = torch.baddbmm(parameters[number + 1], values, parameters[number])
                values = values.relu() if number + 2 < len(parameters) else values
            loss = cross_entropy(values.flatten(0, 1), labels.index_select(0, chosen), reduction="sum")
            gradients = torch.autograd.grad(loss / indices.shape[1], parameters)
            with torch.no_grad():
                for parameter, gradient in zip(parameters, gradients, strict=True):
                    parameter.sub_(gradient, alpha=RATE)


if __name__ == "__main__":
    typer.run(main)
