"""Your own digits: three folders of 28x28 images, one subfolder per digit, checked as they are loaded.

Training Set/0/*.jpg ... Training Set/9/*.jpg     8 images per digit
Validation Set/...  Test Set/...                  2 images per digit each
"""

import hashlib
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from toolkit.data.labelled_images import CLASSES, LabelledImages
from toolkit.errors import ToolkitError
from toolkit.images.normal_form import SIDE
from toolkit.images.reading import open_image
from toolkit.paths import ROOT, atomic_write, make_folder

TRAINING_SET, VALIDATION_SET, TEST_SET = "Training Set", "Validation Set", "Test Set"
PER_DIGIT = {TRAINING_SET: 8, VALIDATION_SET: 2, TEST_SET: 2}
SMALLEST_RANGE = 64  # grey levels between the darkest and the brightest pixel of a digit
IGNORED = {"Thumbs.db", "desktop.ini"}  # left behind by file managers, as are hidden files


@dataclass(frozen=True)
class ImageSets:
    """What a training recipe may see. Test Set is opened by ``evaluation.sealed_test`` alone."""

    training: LabelledImages
    validation: LabelledImages

    def sha256(self) -> str:
        """A fingerprint of both sets: a run keeps it, so that one can tell which digits it learned."""
        return hashlib.sha256((self.training.sha256() + self.validation.sha256()).encode()).hexdigest()


def load_sets(folder: Path | None = None) -> ImageSets:
    """Training Set and Validation Set below ``folder`` (the repository's own if not given).

    All three sets are checked first; a ``ToolkitError`` names the file that is wrong.
    """
    sets = _checked_sets(folder or ROOT)
    return ImageSets(sets[TRAINING_SET], sets[VALIDATION_SET])


def read_test_set(folder: Path | None = None) -> LabelledImages:
    """Test Set, after the same checks. Not to be called but by ``evaluation.sealed_test``."""
    return _checked_sets(folder or ROOT)[TEST_SET]


def read_all_sets(folder: Path | None = None) -> dict[str, LabelledImages]:
    """All three sets by name, to look at. For scoring, Test Set is opened by ``evaluation.sealed_test`` alone."""
    return _checked_sets(folder or ROOT)


def find_problems(folder: Path | None = None) -> list[str]:
    """Everything that is wrong with the three sets below ``folder``, a line each; empty when all is well."""
    return _read_sets(folder or ROOT)[1]


def save_sets(folder: Path, images: dict[str, LabelledImages]) -> list[Path]:
    """Write sets, by name, as grayscale .jpg below ``folder``; returns the files written."""
    written = []
    for name, digits in images.items():
        numbers: Counter[int] = Counter()
        for image, label in zip(digits.images[:, 0], digits.labels, strict=True):
            numbers[label] += 1
            path = folder / name / str(label) / f"{label}_{numbers[label]:02}.jpg"
            with atomic_write(path) as temporary:
                Image.fromarray(image).save(temporary, format="JPEG", quality=95)
            written.append(path)
    return written


def existing_sets(folder: Path) -> list[Path]:
    """Which of the three sets are there already."""
    return [folder / name for name in PER_DIGIT if (folder / name).exists()]


def replace_sets(folder: Path, images: dict[str, LabelledImages], aside: Path) -> list[Path]:
    """Write all three sets at once; what was there is kept in ``aside``. Returns the files written.

    The new sets are complete, and readable, before an old one is touched.
    """
    make_folder(folder)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".new sets ") as place:
        fresh = Path(place)
        written = [path.relative_to(fresh) for path in save_sets(fresh, images)]
        if problems := find_problems(fresh):
            raise ToolkitError(problems[0])
        for old in existing_sets(folder):
            shutil.move(old, make_folder(aside) / old.name)
        for name in images:
            (fresh / name).rename(folder / name)
    return [folder / path for path in written]


def _checked_sets(folder: Path) -> dict[str, LabelledImages]:
    sets, problems = _read_sets(folder)
    if problems:
        rest = len(problems) - 1
        more = f" ({rest} more: python -m toolkit doctor lists them)" if rest else ""
        raise ToolkitError(problems[0] + more)
    return sets


def _read_sets(folder: Path) -> tuple[dict[str, LabelledImages], list[str]]:
    sets: dict[str, LabelledImages] = {}
    problems: list[str] = []
    seen: dict[str, Path] = {}
    for name in PER_DIGIT:
        if not (folder / name).is_dir():
            problems.append(
                f"{folder / name} is missing. Expected the folders {', '.join(map(repr, PER_DIGIT))} with one "
                "subfolder per digit."
            )
            continue
        images, labels = [], []
        for path, label in _files(folder / name, PER_DIGIT[name], problems):
            try:
                image = _read_digit(path)
            except ToolkitError as error:
                problems.append(str(error))
                continue
            twin = seen.setdefault(hashlib.sha256(image.tobytes()).hexdigest(), path)
            if twin != path:
                problems.append(f"{path} has the same pixels as {twin}. Replace one of them.")
            images.append(image)
            labels.append(label)
        pixels = np.array(images, dtype=np.uint8).reshape(-1, 1, SIDE, SIDE)
        sets[name] = LabelledImages(pixels, np.array(labels, dtype=np.int64))
    return sets, problems


def _files(folder: Path, expected: int, problems: list[str]) -> list[tuple[Path, int]]:
    """The image files of one set with their labels, in a fixed order; what lies elsewhere is a problem."""
    for path in _visible(folder):
        if path.name not in CLASSES or not path.is_dir():
            problems.append(f"{path} does not belong there. Expected only the folders 0 to 9; move it away.")
    found = []
    for label, digit in enumerate(CLASSES):
        files = _visible(folder / digit) if (folder / digit).is_dir() else []
        if len(files) != expected:
            problems.append(f"{folder / digit} holds {len(files)} images, expected {expected}. Add or remove some.")
        found += [(path, label) for path in files]
    return found


def _visible(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.name[0] != "." and path.name not in IGNORED)
    except OSError as error:
        raise ToolkitError(f"{folder} cannot be read: {error.strerror}. Change its permissions.") from error


def _read_digit(path: Path) -> np.ndarray:
    """One image, uint8 of shape (28, 28), ink bright on black."""
    image = open_image(path)
    if path.suffix.lower() not in (".jpg", ".jpeg") or image.format != "JPEG":
        raise ToolkitError(f"{path} is a {image.format} image, expected .jpg. Save it as JPEG.")
    if image.size != (SIDE, SIDE):
        raise ToolkitError(f"{path} is {image.width}x{image.height}, expected {SIDE}x{SIDE}. Cut it again.")
    if image.mode != "L":
        raise ToolkitError(f"{path} has mode {image.mode}, expected grayscale. Convert it to 8-bit grayscale.")
    pixels = np.asarray(image)
    if int(pixels.max()) - int(pixels.min()) < SMALLEST_RANGE:
        raise ToolkitError(f"{path} is blank. Expected one digit, bright on black; cut it again.")
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    if np.median(border) > 127:
        raise ToolkitError(f"{path} is inverted: dark on light. Expected ink bright on black; invert it.")
    return pixels
