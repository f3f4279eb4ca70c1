"""What do more images, classes, seeds and processes cost? ``python -m benchmarks.growth``

Every row is measured in a process of its own: seconds, and the most memory that process held beyond what it held when
all was imported. A line's exponent is its slope in logarithms: 1 where twice as much takes twice as long.
``--lines idx,png --largest 1e5`` measures less. The images are MNIST's, distorted so that no two are alike, or those
of scikit-learn's handwritten digits where MNIST is not in the cache.
"""

import re
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import active_children, get_context
from pathlib import Path

import cv2
import numpy as np
import psutil
import sklearn.model_selection  # noqa: F401  (so that none of the work has to import it)
import torch
import typer
from PIL import Image

from benchmarks.example_digits import WRITERS, writer_digits
from toolkit.data.augment import Augmentation
from toolkit.data.image_sets import SETS, load_sets
from toolkit.data.labelled_images import LabelledImages, together
from toolkit.data.loaders import make_loaders
from toolkit.data.mnist import is_cached, load_mnist
from toolkit.data.mnist_like import load_mnist_like
from toolkit.data.parts import split_in_three
from toolkit.data.splits import hold_out
from toolkit.errors import ToolkitError
from toolkit.images.normal_form import SIDE
from toolkit.models import build_model
from toolkit.paths import make_folder
from toolkit.training.fit import make_learner
from toolkit.training.plain_sgd import fit_plain_sgd
from toolkit.training.trainings import Setting, train_all

SIZES = (1_000, 10_000, 100_000, 1_000_000)
MOST_FILES = 100_000  # also the most rows of a CSV file, of which the toolkit reads 400 MB
TESTED = 1_000  # images to test with, however many there are to train on
PIXELS = SIDE * SIDE
CPU = torch.device("cpu")
BARE = "import torch, fastai.learner"


@dataclass(frozen=True)
class Cost:
    """Seconds; megabytes beyond the imports, and with them; seconds of what it is compared with, where it is."""

    seconds: float
    beyond: float
    whole: float
    beside: float = 0.0


@dataclass(frozen=True)
class Line:
    """One row of the table for each size: how its data are written, and what is measured with them."""

    title: str
    sizes: tuple[int, ...]
    write: Callable[[Path, np.ndarray, int], None]  # folder, pixels to take from, size
    work: Callable[[Path, int], None]  # folder, size
    unit: str = "images"
    beside: Callable[[Path], Callable[[], object]] | None = None  # given the folder, what to compare with


def main(lines: str = "", largest: float = SIZES[-1]) -> None:
    """Print a table for each line."""
    chosen = lines.split(",") if lines else list(LINES)
    if unknown := set(chosen) - set(LINES):
        raise typer.BadParameter(f"no line {', '.join(unknown)}; there are {', '.join(LINES)}")
    print(f"{torch.get_num_threads()} threads; {BARE}: {bare_megabytes():.0f} MB\n")
    most = max(size for name in chosen for size in LINES[name].sizes if size <= largest or name not in OF_IMAGES)
    with tempfile.TemporaryDirectory() as place:
        pixels = distorted(Path(place) / "pixels", max(most, MOST_TRAINED) + TESTED)
        for name in chosen:
            report(name, largest, pixels, Path(place))


def report(name: str, largest: float, pixels: np.ndarray, place: Path) -> None:
    """Measure and print one line."""
    line = LINES[name]
    sizes = [size for size in line.sizes if size <= largest or name not in OF_IMAGES]
    print(
        f"{name}: {line.title}\n{line.unit:>10} {'seconds':>9} {'us each':>9} {'MB beyond':>10} {'MB':>6}", flush=True
    )
    costs = []
    for size in sizes:
        with tempfile.TemporaryDirectory(dir=place) as folder:
            line.write(Path(folder), pixels, size)
            costs.append(measured(name, Path(folder), size))
        cost = costs[-1]
        beside = f"   {cost.seconds / cost.beside:.2f} times cv2.imread of all" if cost.beside else ""
        each = 1e6 * cost.seconds / size
        print(
            f"{size:10,} {cost.seconds:9.2f} {each:9,.0f} {cost.beyond:10,.0f} {cost.whole:6,.0f}{beside}", flush=True
        )
    if len(sizes) > 1:
        slope = np.polyfit(np.log(sizes), np.log([cost.seconds for cost in costs]), 1)[0]
        last = np.log(costs[-1].seconds / costs[-2].seconds) / np.log(sizes[-1] / sizes[-2])
        print(f"exponent {slope:.2f}, from the last but one to the last {last:.2f}\n", flush=True)


def measured(name: str, folder: Path, size: int) -> Cost:
    """What a line's work costs at one size, in a new process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(measure, name, folder, size).result()


def measure(name: str, folder: Path, size: int) -> Cost:
    """The same in this process, which must have done nothing yet but import."""
    line = LINES[name]
    compared = line.beside(folder) if line.beside else None
    beside = [timed(compared)] if compared else []
    before = peak_megabytes()
    with watched_children() as peaks:
        seconds = timed(lambda: line.work(folder, size))
    whole = peak_megabytes() + sum(peaks.values())
    if compared:
        beside.append(timed(compared))
    for child in active_children():  # those of a sweep wait for the next, and this process would wait for them
        child.terminate()
    return Cost(seconds, whole - before, whole, float(np.mean(beside)) if beside else 0.0)


def timed(function: Callable[[], object]) -> float:
    """Seconds a call takes."""
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def peak_megabytes(process: int | str = "self") -> float:
    """The most memory a process has held; 0 when it is gone."""
    try:
        return int(re.findall(r"VmHWM:\s+(\d+)", Path(f"/proc/{process}/status").read_text())[0]) / 1024
    except (OSError, IndexError):
        return 0.0


def bare_megabytes() -> float:
    """What the libraries hold before anything is done with them."""
    program = f"{BARE}\nfrom pathlib import Path\nprint(Path('/proc/self/status').read_text())"
    told = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True)
    return int(re.findall(r"VmHWM:\s+(\d+)", told.stdout)[0]) / 1024


@contextmanager
def watched_children() -> Iterator[dict[int, float]]:
    """Gather the peak memory of every process that is started within the block, looking ten times a second."""
    peaks: dict[int, float] = {}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            for child in psutil.Process().children(recursive=True):
                peaks[child.pid] = max(peaks.get(child.pid, 0.0), peak_megabytes(child.pid))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peaks
    finally:
        over.set()
        thread.join()


def distorted(path: Path, count: int) -> np.ndarray:
    """Images that all differ, uint8 (count, 28, 28), in a file; the label of each is its number's last digits."""
    source = load_mnist().training if is_cached() else together([writer_digits(writer) for writer in range(WRITERS)])
    originals = torch.from_numpy(source.images)
    distort = Augmentation()
    torch.manual_seed(0)
    pixels = np.memmap(path, np.uint8, "w+", shape=(count, SIDE, SIDE))
    for start in range(0, count, 5_000):
        chosen = torch.randint(len(originals), (min(5_000, count - start),))
        pixels[start : start + len(chosen)] = distort(originals[chosen])[:, 0].round().to(torch.uint8).numpy()
    return pixels


def labels_of(count: int) -> np.ndarray:
    """As many labels of ten classes; what the images show does not matter here."""
    return np.arange(count) % 10


def write_idx(folder: Path, pixels: np.ndarray, size: int) -> None:
    """A set in MNIST's format, of ``size`` images and ``TESTED`` more to test with."""
    for part, images in (("train", pixels[:size]), ("t10k", pixels[-TESTED:])):
        labels = labels_of(len(images)).astype(np.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            with (folder / f"{part}-{kind}-ubyte").open("wb") as file:
                file.write(struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape))
                array.tofile(file)


def write_csv(folder: Path, pixels: np.ndarray, size: int) -> None:
    """The same as two CSV files."""
    words = [str(value) for value in range(256)]
    for part, images in (("train", pixels[:size]), ("test", pixels[-TESTED:])):
        with (folder / f"{part}.csv").open("w") as file:
            for label, image in zip(labels_of(len(images)), images.reshape(-1, PIXELS), strict=True):
                file.write(",".join([words[label], *[words[value] for value in image.tolist()]]) + "\n")


def write_files(extension: str, folder: Path, pixels: np.ndarray, size: int) -> None:
    """Three sets of image files, 80, 10 and 10 % of ``size``."""
    for number, (label, image) in enumerate(zip(labels_of(size), pixels, strict=False)):
        own = folder / SETS[max(0, number // 10 % 10 - 7)] / str(label)
        if number < 100:
            make_folder(own)
        Image.fromarray(image).save(own / f"{number:07}.{extension}", quality=95)


def write_pixels(folder: Path, pixels: np.ndarray, size: int) -> None:
    """What small trainings take their images from."""
    pixels[:MOST_TRAINED].tofile(folder / "pixels")


def read(folder: Path, size: int) -> None:
    """Read a set, IDX or CSV, as ``pretrain --data`` does."""
    load_mnist_like(folder)


def train(folder: Path, size: int) -> None:
    """Read it, hold some images out, and train one epoch by plain SGD."""
    digits = load_mnist_like(folder).training
    training, validation = hold_out(digits, size // 20, 0)
    learner = make_learner(build_model("mlp", hidden=[128]), make_loaders(training, validation, 256, 0, CPU))
    if fit_plain_sgd(learner, 1, 0.05, show_progress=False)[1]:
        raise ToolkitError("The training diverged, which no data of this benchmark should do.")


def read_files(folder: Path, size: int) -> None:
    """Read three sets of image files with all checks."""
    load_sets(folder)


def imread(folder: Path) -> Callable[[], object]:
    """Read the same files by OpenCV, without any check."""
    files = [str(path) for path in sorted(folder.glob("*/*/*"))]

    def read_all() -> None:
        for path in files:
            cv2.imread(path)

    return read_all


MOST_TRAINED = 20_000  # images of the lines below


def small(folder: Path, classes: int = 10, seeds: int = 1, processes: int = 1, images: int = 2_000) -> None:
    """Divide images and train small MLPs by plain SGD, one for each seed."""
    pixels = np.fromfile(folder / "pixels", np.uint8, images * PIXELS).reshape(-1, 1, SIDE, SIDE)
    digits = LabelledImages(pixels, np.arange(images) % classes, tuple(map(str, range(classes))))
    setting = Setting("mlp", {"hidden": [64], "classes": classes}, 0.05, 64, 2)
    train_all([setting], range(seeds), split_in_three(digits, 0), CPU, folder / "jobs", processes)


FILES = partial(Line, sizes=SIZES[:3], work=read_files, beside=imread)
TRAININGS = partial(Line, write=write_pixels)
LINES = {
    "idx": Line("two IDX files, read", SIZES, write_idx, read),
    "train": Line("the same, and an epoch of an MLP (784-128-10, plain SGD, batches of 256)", SIZES, write_idx, train),
    "csv": Line("a CSV file, read", SIZES[:3], write_csv, read),
    "jpeg": FILES("three sets of JPEG files, read and checked", write=partial(write_files, "jpg")),
    "png": FILES("three sets of PNG files, read and checked", write=partial(write_files, "png")),
    "classes": TRAININGS(
        f"a training with {MOST_TRAINED:,} images of so many classes",
        (2, 10, 100, 1_000),
        work=lambda folder, size: small(folder, classes=size, images=MOST_TRAINED),
        unit="classes",
    ),
    "seeds": TRAININGS(
        "trainings one after the other", (1, 4, 16, 64), work=lambda f, size: small(f, seeds=size), unit="seeds"
    ),
    "processes": TRAININGS(
        "sixteen trainings side by side, with the start of the processes",
        (1, 2, 4),
        work=lambda folder, size: small(folder, seeds=16, processes=size, images=MOST_TRAINED),
        unit="processes",
    ),
}
OF_IMAGES = ("idx", "train", "csv", "jpeg", "png")  # the lines that --largest shortens


if __name__ == "__main__":
    typer.run(main)
