"""Sets in MNIST's file formats that are not MNIST: Fashion-MNIST, Kuzushiji-MNIST, EMNIST, or your own.

A folder holds images to train on and to test with, as IDX files whose names tell (``train-images-idx3-ubyte``,
``t10k-labels-idx1-ubyte``, ``emnist-letters-test-images-idx3-ubyte``, ...; plain or .gz) or as two CSV files with
``train`` and ``test`` in their names.
"""

import re
from pathlib import Path

import numpy as np

from toolkit.classes import MOST, check_name, natural_order
from toolkit.data.csv_digits import read_labelled_csv
from toolkit.data.labelled_images import LabelledImages
from toolkit.data.mnist import LARGEST, TrainingAndTest, parse_idx
from toolkit.doors import MOST_BYTES, read_unpacked
from toolkit.errors import ToolkitError
from toolkit.images.normal_form import SIDE

NAMES = {
    # Xiao, Rasul and Vollgraf, "Fashion-MNIST", 2017; the first is called T-shirt/top there
    "fashion": "T-shirt,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot",
    # Clanuwat et al., "Deep learning for classical Japanese literature", 2018
    "kuzushiji": "お,き,す,つ,な,は,ま,や,れ,を",
}
PARTS = {"training": "train", "test": "test|t10k"}  # how their files' names tell them


def load_mnist_like(folder: Path, names: str | None = None) -> TrainingAndTest:
    """Read a set in MNIST's file format; classes are those that occur in training.

    ``names`` are what the labels 0, 1, 2, ... mean, with commas between, or a key of ``NAMES``; without it EMNIST's
    mapping file says so if it is there, else the numbers are the names. Raises ``ToolkitError`` where a file is
    missing, damaged or not to be told from others, or a label has no name.
    """
    if not folder.is_dir():
        raise ToolkitError(f"{folder} is no folder. Name one with a set in MNIST's file format.")
    named = _names(folder, names)
    parts = [_read_part(folder, part, len(named)) for part in PARTS]
    numbers = np.unique(parts[0][1])
    if lacking := [int(number) for number in numbers if number not in named]:
        raise ToolkitError(f"{folder} has the label {lacking[0]}, which has no name. Give all names with --names.")
    if unknown := np.setdiff1d(parts[1][1], numbers).tolist():
        raise ToolkitError(f"{folder} tests the label {unknown[0]}, which does not occur in training. Mend the set.")
    classes = natural_order(named[number] for number in numbers)
    if len(classes) != len(numbers) or len(classes) < 2:
        raise ToolkitError(f"{folder}: {len(numbers)} labels have {len(classes)} names. Give each label its own.")
    place = np.zeros(MOST, np.int64)
    place[numbers] = [classes.index(named[number]) for number in numbers]
    training, test = (LabelledImages(images, place[labels], classes) for images, labels in parts)
    return TrainingAndTest(training, test)


def _names(folder: Path, names: str | None) -> dict[int, str]:
    """The name of each label."""
    if names is not None:
        said = NAMES.get(names, names).split(",")
        return {number: check_name(name.strip()) for number, name in enumerate(said)}
    mappings = sorted(folder.rglob("*mapping.txt"))
    if not mappings:
        return {number: str(number) for number in range(MOST)}
    text = read_unpacked(_only(folder, "mapping", mappings), MOST_BYTES).decode("utf-8", errors="replace")
    # a label and the code points of what it means, in EMNIST's letters the capital first
    lines = re.findall(r"^(\d{1,3})[ \t]+(\d{1,6})\b", text, re.MULTILINE)
    return {int(number): check_name(chr(min(int(point), 0x10FFFF))) for number, point in lines}


def _read_part(folder: Path, part: str, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Images, uint8 (N, 1, 28, 28), and labels as they are in the files, int64 (N,)."""
    tables = [path for path in _files(folder, r"\.csv(\.gz|\.zip)?") if re.search(PARTS[part], path.name.lower())]
    pixels = _files(folder, rf"({PARTS[part]}).*images.*idx3.ubyte(\.gz)?")
    if tables and not pixels:
        return read_labelled_csv(_only(folder, f"{part} CSV", tables), most)
    names = _files(folder, rf"({PARTS[part]}).*labels.*idx1.ubyte(\.gz)?")
    paths = _only(folder, f"{part} images", pixels), _only(folder, f"{part} labels", names)
    images, labels = (parse_idx(read_unpacked(path, LARGEST), str(path)) for path in paths)
    if images.shape[1:] != (SIDE, SIDE) or labels.shape != images.shape[:1] or not len(images):
        raise ToolkitError(
            f"{paths[0]} and {paths[1].name} hold {list(images.shape)} pixels and {list(labels.shape)} labels, "
            f"expected N images of {SIDE}x{SIDE} and N labels."
        )
    if paths[0].name.startswith("emnist"):
        images = images.swapaxes(1, 2).copy()  # EMNIST stores its images by columns
    return images[:, None], labels.astype(np.int64)


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if re.search(pattern + "$", path.name.lower()) and path.is_file())


def _only(folder: Path, what: str, found: list[Path]) -> Path:
    if len(found) != 1:
        listed = ", ".join(path.name for path in found[:5]) or "none"
        raise ToolkitError(f"{folder}: one file of {what} was expected, found: {listed}. Leave just one there.")
    return found[0]
