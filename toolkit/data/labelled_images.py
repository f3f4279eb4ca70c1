"""Images with their labels: the one shape in which they travel through the toolkit."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.images.normal_form import SIDE


@dataclass(frozen=True)
class LabelledImages:
    """Images and what they show.

    ``images`` is uint8 of shape (N, 1, 28, 28), 0 background, 255 ink; ``labels`` is int64 of shape (N,), each the
    place of a name in ``classes``. A million images need not be copied to train on most of them: where there are
    ``places``, int64 of shape (N,), ``images`` are those of ``stored``, and are copied when first asked for.
    """

    stored: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    places: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.stored.dtype != np.uint8 or self.stored.shape[1:] != (1, SIDE, SIDE):
            raise ValueError(f"images must be uint8 (N, 1, {SIDE}, {SIDE}): {self.stored.dtype} {self.stored.shape}")
        count = len(self.stored if self.places is None else self.places)
        if self.labels.dtype != np.int64 or self.labels.shape != (count,):
            raise ValueError(f"labels must be int64 ({count},), not {self.labels.dtype} {self.labels.shape}")
        if len(self) and not 0 <= self.labels.min() <= self.labels.max() < len(self.classes):
            raise ValueError(f"labels from {self.labels.min()} to {self.labels.max()} of {len(self.classes)} classes")

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> "LabelledImages":
        """A copy of the images at ``indices``, in that order."""
        chosen = self.part(indices)
        return LabelledImages(chosen.images, chosen.labels, self.classes)

    def part(self, indices: np.ndarray) -> "LabelledImages":
        """The images at ``indices``, in that order, without a copy."""
        places = indices if self.places is None else self.places[indices]
        return LabelledImages(self.stored, self.labels[indices], self.classes, places)

    @cached_property
    def images(self) -> np.ndarray:
        """All images, uint8 of shape (N, 1, 28, 28)."""
        return self.stored if self.places is None else self.stored[self.places]

    def feed(self, digest: Any) -> None:
        """Update one of hashlib's objects with images and labels, a few at a time."""
        for start in range(0, len(self), 1000):
            some = slice(start, start + 1000)
            images = self.stored[some if self.places is None else self.places[some]]
            digest.update(np.ascontiguousarray(images))
        digest.update(np.ascontiguousarray(self.labels))

    def name(self, index: int | np.integer) -> str:
        """The class of one image."""
        return self.classes[self.labels[index]]

    def sha256(self) -> str:
        """A fingerprint of images, labels and classes, in their order."""
        digest = hashlib.sha256()
        self.feed(digest)
        digest.update("\n".join(self.classes).encode())
        return digest.hexdigest()

    def class_counts(self) -> np.ndarray:
        """How many images each class has, int64 of shape (C,)."""
        return np.bincount(self.labels, minlength=len(self.classes))

    def said_counts(self) -> str:
        """The same in words, of the first thirty classes."""
        counts = [f"{name}: {count:,}" for name, count in zip(self.classes, self.class_counts(), strict=True)]
        return ", ".join(counts[:30]) + (", ..." if len(counts) > 30 else "")


def together(parts: Sequence[LabelledImages]) -> LabelledImages:
    """The images of all ``parts``, one after the other; a ``ToolkitError`` where their classes differ."""
    classes = parts[0].classes
    for part in parts[1:]:
        if part.classes != classes:
            raise ToolkitError(
                f"Classes differ: {', '.join(classes[:10])} and {', '.join(part.classes[:10])}. Use the same in all."
            )
    images, labels = np.concatenate([p.images for p in parts]), np.concatenate([p.labels for p in parts])
    return LabelledImages(images, labels, classes)
