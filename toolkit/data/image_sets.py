"""Your own images: three folders, one subfolder per class in each, checked as they are loaded.

Training Set/A/*.jpg, Training Set/B/*.jpg, ...     as many images and classes as you have
Validation Set/...  Test Set/...                    the same classes

Images are 28x28 and have one channel, ink bright on black. What is handed in must look like a ``Form`` beyond that.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from toolkit.classes import DIGITS, MOST, check_name, natural_order
from toolkit.data.exchange import exchange, finish_exchange, new_place
from toolkit.data.labelled_images import LabelledImages
from toolkit.errors import ToolkitError
from toolkit.images.normal_form import SIDE
from toolkit.images.reading import read_stored
from toolkit.paths import ROOT, atomic_write, make_folder

SETS = TRAINING_SET, VALIDATION_SET, TEST_SET = "Training Set", "Validation Set", "Test Set"
SMALLEST_RANGE = 64  # grey levels between the darkest and the brightest pixel of an image
IGNORED = {"Thumbs.db", "desktop.ini"}  # left behind by file managers, as are hidden files


@dataclass(frozen=True)
class Form:
    """What three sets must look like to be handed in: their classes, the images of each by set, JPEG files."""

    name: str
    classes: tuple[str, ...]
    per_class: Mapping[str, int]


ASSIGNMENT_4 = Form("assignment_4", DIGITS, {TRAINING_SET: 8, VALIDATION_SET: 2, TEST_SET: 2})
FORMS = {form.name: form for form in (ASSIGNMENT_4,)}


def find_form(name: str) -> Form:
    """A form by its name; a ``ToolkitError`` if there is none of that name."""
    if name not in FORMS:
        raise ToolkitError(f"There is no form '{name}'. Choose one of {', '.join(FORMS)}.")
    return FORMS[name]


@dataclass(frozen=True)
class ImageSets:
    """What a training recipe may see. Test Set is opened by ``evaluation.sealed_test`` alone."""

    training: LabelledImages
    validation: LabelledImages

    @property
    def classes(self) -> tuple[str, ...]:
        return self.training.classes

    def sha256(self) -> str:
        """A fingerprint of both sets: a run keeps it, so that one can tell which images it learned."""
        return hashlib.sha256((self.training.sha256() + self.validation.sha256()).encode()).hexdigest()


def load_sets(folder: Path | None = None) -> ImageSets:
    """Training Set and Validation Set below ``folder`` (the repository's own if not given).

    All three sets are checked first; a ``ToolkitError`` names the file that is wrong.
    """
    sets = read_all_sets(folder)
    return ImageSets(sets[TRAINING_SET], sets[VALIDATION_SET])


def read_test_set(folder: Path | None = None) -> LabelledImages:
    """Test Set, after the same checks. Not to be called but by ``evaluation.sealed_test``."""
    return read_all_sets(folder)[TEST_SET]


def read_all_sets(folder: Path | None = None) -> dict[str, LabelledImages]:
    """All three sets by name, to look at. For scoring, Test Set is opened by ``evaluation.sealed_test`` alone."""
    sets, problems = _read_sets(folder or ROOT)
    if problems:
        rest = len(problems) - 1
        more = f" ({rest} more: python -m toolkit doctor lists them)" if rest else ""
        raise ToolkitError(problems[0] + more)
    return sets


def find_problems(folder: Path | None = None, form: Form | None = None) -> list[str]:
    """Everything that is wrong with the three sets below ``folder``, a line each; empty when all is well.

    With a ``form`` also what is not as it says.
    """
    return _read_sets(folder or ROOT, form)[1]


def require_form(folder: Path | None, form: Form) -> None:
    """Raise ``ToolkitError`` naming the first thing in the sets below ``folder`` that is not as ``form`` says."""
    if problems := find_problems(folder, form):
        raise ToolkitError(f"{problems[0]} ({form.name} asks for it.)")


def save_sets(folder: Path, images: dict[str, LabelledImages]) -> list[Path]:
    """Write sets, by name, as grayscale .jpg below ``folder``; returns the files written."""
    written = []
    for name, digits in images.items():
        for label, each in enumerate(digits.classes):
            for number, image in enumerate(digits.images[digits.labels == label, 0], 1):
                written.append(folder / name / each / f"{each}_{number:02}.jpg")
                with atomic_write(written[-1]) as temporary:
                    Image.fromarray(image).save(temporary, format="JPEG", quality=95)
    return written


def existing_sets(folder: Path) -> list[Path]:
    """Which of the three sets are there already."""
    finish_exchange(folder, SETS)
    return [folder / name for name in SETS if (folder / name).exists()]


def replace_sets(folder: Path, images: dict[str, LabelledImages], aside: Path) -> list[Path]:
    """Write all three sets at once; what was there is kept in ``aside``. Returns the files written.

    The new sets are complete, and readable, before an old one is touched.
    """
    make_folder(folder)
    with new_place(folder) as fresh:
        written = [path.relative_to(fresh) for path in save_sets(fresh, images)]
        again, problems = _read_sets(fresh)
        if problems:
            raise ToolkitError(problems[0])
        classes = {name: digits.classes for name, digits in images.items()}
        if {name: digits.classes for name, digits in again.items()} != classes:
            raise ToolkitError(
                f"The disk of {folder} does not tell all classes' names apart, perhaps 'a' from 'A'. Rename some."
            )
        exchange(folder, fresh, SETS, aside)
    return [folder / path for path in written]


def _read_sets(folder: Path, form: Form | None = None) -> tuple[dict[str, LabelledImages], list[str]]:
    finish_exchange(folder, SETS)
    problems = [
        f"{folder / name} is missing. Expected the folders {', '.join(map(repr, SETS))} with one subfolder per class."
        for name in SETS
        if not (folder / name).is_dir()
    ]
    folders = {name: _class_folders(folder / name, problems) for name in SETS if (folder / name).is_dir()}
    classes = natural_order(name for own in folders.values() for name in own)
    if folders and not 2 <= len(classes) <= MOST:
        problems.append(f"{folder} holds {len(classes)} classes, expected 2 to {MOST:,}: a subfolder for each.")
    for name, own in folders.items():
        if missing := ", ".join([each for each in classes if not own.get(each)][:10]):
            problems.append(f"{folder / name} has no images of {missing}. Add some or leave the class out of all sets.")
    if form:
        problems += _departures(folder, folders, form)
    sets: dict[str, LabelledImages] = {}
    seen: dict[bytes, str] = {}
    for name, own in folders.items():
        images, labels = [], []
        for label, each in enumerate(classes):
            for path, image in zip(own.get(each, []), _read_images(own.get(each, [])), strict=True):
                if isinstance(image, str):
                    problems.append(image)
                    continue
                twin = seen.setdefault(hashlib.blake2b(image.data, digest_size=16).digest(), path)
                if twin is not path:
                    problems.append(f"{path} has the same pixels as {twin}. Replace one of them.")
                images.append(image)
                labels.append(label)
        pixels = np.array(images, dtype=np.uint8).reshape(-1, 1, SIDE, SIDE)
        sets[name] = LabelledImages(pixels, np.array(labels, dtype=np.int64), classes)
    return sets, problems


def _class_folders(folder: Path, problems: list[str]) -> dict[str, list[str]]:
    """The image files of one set by class, each in a fixed order; what lies elsewhere is a problem."""
    files: dict[str, list[str]] = {}
    for path in map(Path, _visible(folder)):
        if not path.is_dir():
            problems.append(f"{path} does not belong there. Expected only a folder for each class; move it away.")
            continue
        try:
            files[check_name(path.name)] = _visible(path)
        except ToolkitError as error:
            problems.append(f"{path}: {error}")
    return files


def _departures(folder: Path, found: Mapping[str, Mapping[str, list[str]]], form: Form) -> list[str]:
    """Where sets are not as ``form`` says, a line each."""
    problems = []
    all_classes = f"{form.classes[0]} to {form.classes[-1]}"
    for name, own in found.items():
        problems += [
            f"{folder / name / each} does not belong there. Expected only the folders {all_classes}; move it away."
            for each in natural_order(own)
            if each not in form.classes
        ]
        for each in form.classes:
            files, expected = own.get(each, []), form.per_class[name]
            if len(files) != expected:
                where = folder / name / each
                problems.append(f"{where} holds {len(files)} images, expected {expected}. Add or remove some.")
            problems += [
                f"{path} is no .jpg file. Save it as JPEG."
                for path in map(Path, files)
                if path.suffix.lower() not in (".jpg", ".jpeg") or path.read_bytes()[:2] != b"\xff\xd8"
            ]
    return problems


def _visible(folder: Path) -> list[str]:
    """Paths as text: a ``Path`` takes a tenth of the time that reading its small file takes."""
    try:
        own = (entry.path for entry in os.scandir(folder) if entry.name[0] != "." and entry.name not in IGNORED)
        return sorted(own)
    except OSError as error:
        raise ToolkitError(f"{folder} cannot be read: {error.strerror}. Change its permissions.") from error


def _read_images(paths: list[str]) -> list[np.ndarray | str]:
    """Of each file its image, uint8 of shape (28, 28), ink bright on black; or what is wrong with it."""
    found: list[np.ndarray | str] = [_grey(path, read) for path, read in zip(paths, read_stored(paths), strict=True)]
    # all at once: numpy takes longer to begin with one image than OpenCV to decode it
    whole = [number for number, image in enumerate(found) if not isinstance(image, str)]
    pixels = np.array([found[number] for number in whole], np.uint8).reshape(-1, SIDE, SIDE)
    border = np.concatenate([pixels[:, 0], pixels[:, -1], pixels[:, :, 0], pixels[:, :, -1]], axis=1)
    inverted, blank = np.median(border, axis=1) > 127, np.ptp(pixels, axis=(1, 2)) < SMALLEST_RANGE
    for place in np.flatnonzero(inverted | blank):
        path = paths[whole[place]]
        found[whole[place]] = (
            f"{path} is blank. Expected ink, bright on black; cut it again."
            if blank[place]
            else f"{path} is inverted: dark on light. Expected ink bright on black; invert it."
        )
    return found


def _grey(path: str, read: tuple[np.ndarray, str] | ToolkitError) -> np.ndarray | str:
    if isinstance(read, ToolkitError):
        return str(read)
    pixels, mode = read
    if pixels.shape[:2] != (SIDE, SIDE):
        return f"{path} is {pixels.shape[1]}x{pixels.shape[0]}, expected {SIDE}x{SIDE}. Cut it again."
    if mode != "L":
        return f"{path} has mode {mode}, expected grayscale. Convert it to 8-bit grayscale."
    return pixels
