"""MNIST's 70,000 images in three parts: 60 % to train on, 20 % to decide with, 20 % to test with once."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from toolkit.classes import DIGITS
from toolkit.data.csv_digits import read_labelled_csv
from toolkit.data.labelled_images import LabelledImages, together
from toolkit.data.mnist import load_mnist
from toolkit.data.splits import hold_out
from toolkit.errors import ToolkitError


@dataclass(frozen=True)
class Parts:
    """The three parts. No image is in two of them; all have the same share of every digit."""

    training: LabelledImages
    validation: LabelledImages
    test: LabelledImages

    def __str__(self) -> str:
        lines = [f"{'':10} {'images':>7}  {''.join(f'{name:>6}' for name in self.training.classes)}"]
        for name, part in (("training", self.training), ("validation", self.validation), ("test", self.test)):
            counts = "".join(f"{count:6,}" for count in part.class_counts())
            lines.append(f"{name:10} {len(part):7,}  {counts}")
        return "\n".join(lines)

    @cached_property
    def digest(self) -> str:
        """A sha256 that tells these parts, and the order of their images, from all others."""
        digest = hashlib.sha256()
        for part in (self.training, self.validation, self.test):
            part.feed(digest)
        return digest.hexdigest()


def load_parts(mnist: Path | None = None, csv: Path | None = None, seed: int = 0) -> Parts:
    """The three parts of MNIST, from its IDX files (``mnist``, fetched if not given) or from ``csv``.

    ``seed`` decides which image goes where, the same on every machine. Raises ``ToolkitError`` when both
    sources are named or an image occurs twice.
    """
    if mnist and csv:
        raise ToolkitError(f"The images come from {mnist} or from {csv}, not from both. Leave --mnist or --csv out.")
    if csv:
        return split_in_three(LabelledImages(*read_labelled_csv(csv), DIGITS), seed)
    given = load_mnist(mnist)
    return split_in_three(together([given.training, given.test]), seed)


def split_in_three(digits: LabelledImages, seed: int) -> Parts:
    """Divide ``digits`` 60 : 20 : 20, stratified by label (scikit-learn's ``train_test_split``)."""
    if len(digits) < 50 or digits.class_counts().min() < 5:
        raise ToolkitError(f"Three parts need 5 images of every digit or more, found {digits.said_counts()}. Add some.")
    seen: dict[bytes, int] = {}
    for number, image in enumerate(digits.images, 1):
        first = seen.setdefault(hashlib.blake2b(image.tobytes(), digest_size=16).digest(), number)
        if first != number:
            raise ToolkitError(
                f"Images {first} and {number} are the same: one could be trained on and the other tested with. "
                "Remove one of them."
            )
    size = round(0.2 * len(digits))
    rest, test = hold_out(digits, size, seed)
    training, validation = hold_out(rest, size, seed)
    return Parts(training, validation, test)
