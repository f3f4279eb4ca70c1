"""The writers of the digits the repository ships, drawn again from 8x8 counts.

    python -m benchmarks.example_digits    # looks for the pen's path of every digit again: 4 minutes on one core

Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998
(CC BY 4.0), as scikit-learn's ``load_digits`` carries it: 32x32 bitmaps reduced to counts of ink pixels, 0 to 16,
in 4x4 blocks. The writers follow one another, each with a form of the same 130 digits, from which a few images
are missing. The file does not name them; its authors speak of 13, but there are 14 forms.

They are drawn twice: as bitmaps, which say no more than the counts, to measure models with; and as a fine pen would
have written them, for sheets to be cut. The paths of that pen are kept in ``pen_paths.csv``: a search in floating point
ends a little differently on other machines, and the shipped photo is to be made again byte for byte.
"""

from functools import cache
from math import comb
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import convolve1d
from sklearn.datasets import load_digits

from benchmarks.pen_paths import BORDER, ENLARGEMENT, PenPath, find_paths, load_paths, save_paths
from toolkit.classes import DIGITS
from toolkit.data.labelled_images import LabelledImages
from toolkit.errors import ToolkitError
from toolkit.images.normal_form import normal_form

# where a form begins: the labels run 0 to 9 three times in a row, but for a 0 missing at 906, a 7 and an 8 after 1545
FORMS = (0, 130, 256, 386, 516, 646, 776, 906, 1029, 1157, 1287, 1415, 1545, 1667, 1797)
WRITERS = len(FORMS) - 1
BLOCKS, BLOCK = 8, 4  # a bitmap of 32x32 is counted in 8x8 blocks of 4x4 pixels
PATHS, PEN = Path(__file__).with_name("pen_paths.csv"), 2.25  # of every digit; pixels of a bitmap, 7 % of its height
TOGETHER = 60  # digits searched at once
SMOOTHING = 8  # order of the binomial filter: a standard deviation of 1.4 pixels, a third of a stroke's width


def writer_ink(writer: int, pen: float = PEN) -> dict[str, list[np.ndarray]]:
    """The digits of writer 0 to 13 in file order, for each label ink as ``PenPath.draw`` gives it.

    ``pen`` is as wide as that many of a digit's 32 pixels of height; usually fine.

    Mostly 13 of each, sometimes 12 or 14, but of writer 7 only 10 zeros and 11 eights, of writer 8 only 11 twos, of
    writer 12 only 11 twos and 9 eights. Writer 0 wrote the digits that the repository ships. Raises
    ``ToolkitError`` for a writer that does not exist.
    """
    paths = _paths()[_form(writer)]
    return {name: [path.draw(pen) for path in paths if path.digit == name] for name in DIGITS}


def writer_digits(writer: int) -> LabelledImages:
    """All digits of writer 0 to 13 in normal form, in file order: 122 to 130 images, mostly 13 of each digit.

    Raises ``ToolkitError`` for a writer that does not exist.
    """
    source, form = load_digits(), _form(writer)
    images = np.stack([normal_form(bitmap * np.uint8(255)) for bitmap in bitmaps(source.images[form])])
    return LabelledImages(images[:, None], source.target[form].astype(np.int64), DIGITS)


def _form(writer: int) -> slice:
    """Where one writer's form is in the file."""
    if writer not in range(WRITERS):
        raise ToolkitError(f"There is no writer {writer}. Choose 0 to {WRITERS - 1}.")
    return slice(FORMS[writer], FORMS[writer + 1])


@cache
def _paths() -> list[PenPath]:
    return load_paths(PATHS)


def bitmaps(counts: np.ndarray) -> np.ndarray:
    """Smooth bitmaps, bool of shape (N, 32, 32), that give back counts 0..16 of shape (N, 8, 8) to the pixel.

    In every block as many pixels are ink as its count says, those where a smoothed image is brightest: the enlarged
    counts to begin with, then the bitmap itself until it stays. After Merriman, Bence and Osher, "Diffusion generated
    motion by mean curvature", 1992, whose threshold is here what the count of each block makes it. All sums are of
    integers, so that every machine draws the same bitmaps.
    """
    drawn = _brightest(np.stack([_enlarged(count) for count in counts]), counts)
    while True:
        smoother = _brightest(_smoothed(drawn), counts)
        if (smoother == drawn).all():
            return drawn
        drawn = smoother


def _enlarged(counts: np.ndarray) -> np.ndarray:
    """Counts of shape (8, 8) as grey levels of shape (32, 32), falling to nothing at the edge."""
    grey = Image.fromarray(np.pad(np.round(counts * (255 / 16)).astype(np.uint8), 1))
    side = grey.width * BLOCK
    return np.asarray(grey.resize((side, side), Image.Resampling.BICUBIC))[BLOCK:-BLOCK, BLOCK:-BLOCK]


def _brightest(images: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The brightest pixels of every block of (N, 32, 32), as many as its count; of equal ones the first."""
    blocks = images.reshape(-1, BLOCKS, BLOCK, BLOCKS, BLOCK).swapaxes(2, 3)
    pixels = blocks.reshape(-1, BLOCKS, BLOCKS, BLOCK**2)
    order = np.argsort(-pixels.astype(np.int64), axis=-1, kind="stable")
    ranks = np.argsort(order, axis=-1, kind="stable")
    return (ranks < counts[..., None]).reshape(blocks.shape).swapaxes(2, 3).reshape(images.shape)


def _smoothed(images: np.ndarray) -> np.ndarray:
    """Images of shape (N, H, W) through a binomial filter along both axes, not divided by its sum."""
    kernel = [comb(SMOOTHING, place) for place in range(SMOOTHING + 1)]
    for axis in (1, 2):
        images = convolve1d(images.astype(np.int64), kernel, axis=axis, mode="constant")
    return images


def counted(images: np.ndarray) -> np.ndarray:
    """Pixels of ink in 8x8 blocks, shape (N, 8, 8), of images, bool of shape (N, side, side)."""
    size = images.shape[1] // BLOCKS
    return images.reshape(-1, BLOCKS, size, BLOCKS, size).sum(axis=(2, 4))


def main() -> None:
    """Find and save the paths; print for every digit how well they give back the counts with a pen as thick as then."""
    source = load_digits()
    drawn = bitmaps(source.images)
    edge = BORDER * ENLARGEMENT
    found: dict[int, PenPath] = {}
    print("| digit | images | written in each way | width of the pen, of 32 | error of the counts given back, of 16 |")
    print("|---|---|---|---|---|")
    for label, name in enumerate(DIGITS):
        places = np.flatnonzero(source.target == label)
        parts = np.array_split(places, -(-len(places) // TOGETHER))
        paths = [path for part in parts for path in find_paths(drawn[part], name)]
        found |= zip(places.tolist(), paths, strict=True)
        ways = np.bincount([path.way for path in paths])
        again = np.stack([path.draw(path.width)[edge:-edge, edge:-edge] for path in paths]) > 127
        error = np.abs(counted(again) / ENLARGEMENT**2 - source.images[places]).mean()
        width = np.mean([path.width for path in paths])
        print(f"| {name} | {len(paths)} | {', '.join(map(str, ways))} | {width:.1f} | {error:.2f} |", flush=True)
    save_paths([found[place] for place in range(len(drawn))], PATHS)


if __name__ == "__main__":
    main()
