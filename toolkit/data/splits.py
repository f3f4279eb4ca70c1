"""Dividing images into parts, the same on every machine."""

import re
from dataclasses import dataclass

import numpy as np

from toolkit.data.image_sets import ASSIGNMENT_4, SETS
from toolkit.data.labelled_images import LabelledImages
from toolkit.errors import ToolkitError


def hold_out(digits: LabelledImages, size: int, seed: int) -> tuple[LabelledImages, LabelledImages]:
    """Split off ``size`` images, stratified by label; returns (the rest, the held-out part).

    The rest stays where ``digits`` are.
    """
    least, most = len(digits.classes), len(digits) - len(digits.classes)
    if not least <= size <= most:
        raise ToolkitError(f"Cannot hold out {size} of {len(digits)} images: expected {least} to {most}. Choose one.")
    if (rarest := int(digits.class_counts().min())) < 2:
        raise ToolkitError(f"Cannot hold out some of each class: the rarest has {rarest} images. Add some.")
    rest, held_out = divide_stratified(digits.labels, size, seed)
    return digits.part(rest), digits.take(held_out)


def divide_stratified(labels: np.ndarray, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The places of the rest and of ``size`` images held out, each with the same share of every label."""
    from sklearn.model_selection import train_test_split  # two seconds to import, for those who hold out

    rest, held_out = train_test_split(np.arange(len(labels)), test_size=size, random_state=seed, stratify=labels)
    return np.sort(rest), np.sort(held_out)


@dataclass(frozen=True)
class Division:
    """How many images of a class go into Training, Validation and Test Set: counts, or shares of those there are."""

    amounts: tuple[float, ...]
    shares: bool = False

    def __str__(self) -> str:
        return ",".join(f"{100 * amount:g}%" if self.shares else f"{amount:g}" for amount in self.amounts)

    @property
    def least(self) -> int:
        """Images that a class must have at least."""
        return len(SETS) if self.shares else int(sum(self.amounts))

    @property
    def row(self) -> int | None:
        """Images that a row of one class is expected to hold; ``None`` where any number will do."""
        return None if self.shares else self.least

    def sizes(self, available: int) -> list[int]:
        """How many of ``available`` images, ``least`` or more, each set gets.

        Shares are filled in proportion, at least 1 each: largest remainders first.
        """
        if not self.shares:
            return [int(amount) for amount in self.amounts]
        whole = sum(self.amounts)
        total = min(available, round(available * whole))
        exact = [total * amount / whole for amount in self.amounts]
        sizes = [max(1, int(size)) for size in exact]
        while sum(sizes) != max(total, len(sizes)):
            step = 1 if sum(sizes) < total else -1
            open_to = [i for i, size in enumerate(sizes) if step > 0 or size > 1]
            sizes[max(open_to, key=lambda i: step * (exact[i] - sizes[i]))] += step
        return sizes


USUAL_DIVISION = Division(tuple(ASSIGNMENT_4.per_class.values()))


def parse_division(text: str) -> Division:
    """``"8,2,2"`` as counts, ``"70%,15%,15%"`` as shares; a ``ToolkitError`` for anything else."""
    words = [word.strip() for word in text.split(",")]
    shares = all(word.endswith("%") for word in words)
    if len(words) == len(SETS) and all(re.fullmatch(r"\d{1,6}" + "%" * shares, word) for word in words):
        numbers = [int(word.rstrip("%")) for word in words]
        if min(numbers) > 0 and (not shares or sum(numbers) <= 100):
            return Division(tuple(number / 100 for number in numbers) if shares else tuple(numbers), shares)
    raise ToolkitError(
        f"'{text[:40]}' divides no class into three sets. Give three counts, as in 8,2,2, or shares of 100 % at most, "
        "as in 70%,15%,15%."
    )


def assign_sets(
    labels: np.ndarray, classes: tuple[str, ...], seed: int, division: Division = USUAL_DIVISION
) -> list[np.ndarray]:
    """Draw Training, Validation and Test Set: for each the indices of its images, ordered by label.

    Raises ``ToolkitError`` when there are not enough images of a class; some may be left over.
    """
    counts = np.bincount(labels, minlength=len(classes))
    lacking = [f"{name}: {count}" for name, count in zip(classes, counts, strict=True) if count < division.least]
    if lacking:
        rarest = int(counts.min())
        shares = Division(tuple(amount / sum(division.amounts) for amount in division.amounts), shares=True)
        fits = Division(tuple(shares.sizes(rarest)))
        remedy = f"; --per-class {fits} would fit" if rarest >= len(SETS) else ""
        more = ", ..." if len(lacking) > 10 else ""
        raise ToolkitError(
            f"The three sets need {division.least} images of every class, but there are too few "
            f"({', '.join(lacking[:10])}{more}). Write more of them and name all photos together{remedy}."
        )
    draw = np.random.default_rng(seed)
    sets: list[list[np.ndarray]] = [[] for _ in SETS]
    for label, count in enumerate(counts.tolist()):
        members = draw.permutation(np.flatnonzero(labels == label))
        for own, part in zip(sets, np.split(members, np.cumsum(division.sizes(count))), strict=False):
            own.append(np.sort(part))
    return [np.concatenate(parts) for parts in sets]
