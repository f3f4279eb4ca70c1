"""Images with their labels: the one shape in which digits travel through the toolkit."""

import hashlib
from dataclasses import dataclass

import numpy as np

CLASSES = tuple("0123456789")


@dataclass(frozen=True)
class LabelledImages:
    """Digits and what they are.

    ``images`` is uint8 of shape (N, 1, 28, 28), 0 background, 255 ink; ``labels`` is int64 of shape (N,).
    """

    images: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.shape[1:] != (1, 28, 28):
            raise ValueError(f"images must be uint8 (N, 1, 28, 28), not {self.images.dtype} {self.images.shape}")
        if self.labels.dtype != np.int64 or self.labels.shape != self.images.shape[:1]:
            raise ValueError(f"labels must be int64 ({len(self.images)},), not {self.labels.dtype} {self.labels.shape}")

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> "LabelledImages":
        """The images at ``indices``, in that order."""
        return LabelledImages(self.images[indices], self.labels[indices])

    def sha256(self) -> str:
        """A fingerprint of the images and labels, in their order."""
        return hashlib.sha256(self.images.tobytes() + self.labels.tobytes()).hexdigest()

    def class_counts(self) -> np.ndarray:
        """How many images each class has, int64 of shape (10,)."""
        return np.bincount(self.labels, minlength=len(CLASSES))
