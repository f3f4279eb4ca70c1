"""What ``python -m toolkit sheet`` does: from photos to three checked sets, with pictures to judge them by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from toolkit.classes import DIGITS, natural_order, things
from toolkit.data.corrections import Corrections, parse_corrections
from toolkit.data.image_sets import SETS, Form, existing_sets, read_all_sets, replace_sets, require_form
from toolkit.data.labelled_images import LabelledImages, together
from toolkit.data.sheet_layout import Layout, parse_rows
from toolkit.data.sheets import Judge, Reading, labels_of, read_photo
from toolkit.data.splits import USUAL_DIVISION, Division, assign_sets
from toolkit.errors import ToolkitError
from toolkit.evaluation.calibration import evidence
from toolkit.evaluation.doubts import find_doubts
from toolkit.evaluation.scores import predict_logits
from toolkit.images.likeness import doubt_labels
from toolkit.models.bundle import load_model
from toolkit.models.last_layer import see_features
from toolkit.paths import ROOT
from toolkit.reporting.sheet_pictures import crop_rows, draw_overlay, draw_sets, save_picture
from toolkit.runs import Run, start_run


@dataclass(frozen=True, eq=False)
class Cutting:
    """What photos give, all counts being right: the images of all, the reasons to doubt each, and the sets they go to.

    ``labels`` are the classes by photo, ``chosen`` the indices of each set's images.
    """

    readings: Sequence[Reading]
    labels: Sequence[Sequence[str]]
    images: LabelledImages
    doubts: Sequence[Sequence[str]]
    division: Division
    chosen: Sequence[np.ndarray]

    def sets(self) -> dict[str, LabelledImages]:
        """The three sets by name."""
        return {name: self.images.take(members) for name, members in zip(SETS, self.chosen, strict=True)}

    def doubts_of(self, number: int) -> Sequence[Sequence[str]]:
        """The doubts of one photo's images."""
        begin = sum(len(own) for own in self.labels[:number])
        return self.doubts[begin : begin + len(self.labels[number])]

    def contact_sheet(self) -> Image.Image:
        """All images by set, the doubtful ones marked."""
        title = f"{', '.join(reading.photo.name for reading in self.readings)}: {len(self.images)} "
        title += things(self.images.classes)
        doubts = {name: [self.doubts[i] for i in members] for name, members in zip(SETS, self.chosen, strict=True)}
        return draw_sets(self.sets(), doubts, title)


def read_sheet(
    photo: Path, layout: Layout | None, told: Corrections, division: Division | None, judge: Judge
) -> Reading:
    """What is found on a photo, right or not; without a layout ten rows are expected, as ``division`` says."""
    usual = parse_rows("".join(DIGITS), (division or USUAL_DIVISION).row)
    return read_photo(photo, layout, judge, told, usual)


def divide(readings: Sequence[Reading], division: Division | None, seed: int, judge: Judge) -> Cutting:
    """Draw the three sets from readings with right counts; a ``ToolkitError`` where a class has too few images."""
    division = division or _printed_division(readings) or USUAL_DIVISION
    labels = [labels_of(reading) for reading in readings]
    classes = natural_order(name for own in labels for name in own)
    numbers = np.array([classes.index(name) for own in labels for name in own], np.int64)
    cut = LabelledImages(np.concatenate([reading.images for reading in readings]), numbers, classes)
    names = [f"{reading.photo.name} {row}:{column}" for reading in readings for row, column in reading.found]
    probabilities = np.concatenate([reading.probabilities for reading in readings])
    doubts = find_doubts(cut, probabilities, judge.classes, judge.see(cut.images), names)
    return Cutting(readings, labels, cut, doubts, division, assign_sets(cut.labels, classes, seed, division))


def cut_sheets(
    photos: Sequence[Path],
    layouts: Sequence[Layout | None],
    *,
    out: Path | None = None,
    skip: Sequence[str] = (),
    label: Sequence[str] = (),
    add: Sequence[str] = (),
    accept: bool = False,
    replace: bool = False,
    seed: int = 0,
    division: Division | None = None,
    model: str = "mnist_resnet",
) -> Path:
    """Cut photos, each with its layout, into the three sets below ``out`` (the repository); returns the run's folder.

    ``skip``, ``label`` and ``add`` are corrections as ``parse_corrections`` takes them. ``division`` says how many
    images of a class go where; without it a printed page's code, or the usual one. The folder holds the overlays, the
    contact sheet and the provenance of every image. Raises ``ToolkitError`` before any set is touched: when a count is
    not what was promised, or a set exists and ``replace`` is not said.
    """
    folder = out or ROOT
    taken = existing_sets(folder)
    if taken and not replace:
        raise ToolkitError(
            f"{taken[0]} exists already. Add --replace to put it aside, or name another folder with --out."
        )
    corrections = parse_corrections(photos, skip, label, add)
    rows = [layout and (layout.rows or layout.one) for layout in layouts]
    told = {"skip": skip, "label": label, "add": add, "accept": accept, "seed": seed, "model": model}
    options = {"photos": photos, **told, "out": folder, "rows": rows}
    with start_run("sheet_cut.py", options) as run:
        judge = judge_with(model)
        both = zip(photos, layouts, strict=True)
        readings = [read_sheet(photo, layout, corrections[photo], division, judge) for photo, layout in both]
        for reading in readings:
            _tell(reading)
        _check_counts(run, readings, accept)
        cutting = divide(readings, division, seed, judge)
        run.options.update(per_class=str(cutting.division))
        for number, (reading, own) in enumerate(zip(readings, cutting.labels, strict=True)):
            overlay = draw_overlay(reading, own, cutting.doubts_of(number))
            save_picture(overlay, run.folder / _overlay_name(readings, number))
        contact_sheet = save_picture(cutting.contact_sheet(), run.folder / "contact_sheet.png")
        aside = run.folder / "replaced sets"
        files = replace_sets(folder, cutting.sets(), aside)
        run.write_csv("provenance.csv", _provenance(cutting, files, folder))
        run.facts.update(images_sha256={name: images.sha256() for name, images in read_all_sets(folder).items()})
        doubtful = sum(bool(reasons) for reasons in cutting.doubts)
        print(f"Cut: {len(files)} images into {', '.join(map(repr, SETS))} below {folder}")
        if taken:
            print(f"Put aside: the former sets, in {aside}")
        print(f"Doubtful: {doubtful} of {len(cutting.images)}. Look at {contact_sheet}")
    return run.folder


def check_sets(folder: Path | None = None, model: str = "mnist_resnet", form: Form | None = None) -> Path:
    """Look over three sets that exist, whoever made them; returns the contact sheet with doubtful images marked.

    Raises ``ToolkitError`` where they are not as ``form`` says, if one is named.
    """
    if form:
        require_form(folder, form)
    sets = read_all_sets(folder)
    judge = judge_with(model)
    images = together(list(sets.values()))
    names = [f"{name} {number + 1}" for name, digits in sets.items() for number in range(len(digits))]
    doubts = find_doubts(images, judge.read(images.images), judge.classes, judge.see(images.images), names)
    remaining = iter(doubts)
    by_set = {name: [*islice(remaining, len(digits))] for name, digits in sets.items()}
    with start_run("sheet_check.py", {"digits": str(folder or ROOT), "model": model}) as run:
        sheet = draw_sets(sets, by_set, str(folder or "the repository's sets"))
        picture = save_picture(sheet, run.folder / "contact_sheet.png")
        run.facts.update(doubts={name: reasons for name, reasons in zip(names, doubts, strict=True) if reasons})
    for number, (name, reasons) in enumerate(zip(names, doubts, strict=True)):
        if reasons:
            print(f"{name}, {images.name(number)}: {'; '.join(reasons)}")
    print(f"Classes: {images.said_counts()}")
    if form:
        print(f"Form: as {form.name} asks")
    print(f"Doubtful: {sum(map(bool, doubts))} of {len(images)}. Look at {picture}")
    return picture


def show_doubtful(parts: Mapping[str, LabelledImages], most: int, out: Path, model: str = "mnist_resnet") -> None:
    """List the ``most`` doubtful labels of all ``parts`` together, by a model's features, and draw them on ``out``."""
    images = together(list(parts.values()))
    likelier, leads = doubt_labels(judge_with(model).see(images.images), images.labels, len(images.classes))
    worst = np.argsort(-leads, kind="stable")[: min(most, (leads > 0).sum())]
    places = [f"{name} {number:,}" for name, part in parts.items() for number in range(1, len(part) + 1)]
    reasons = [[f"{places[i]}, more like {images.classes[likelier[i]]}"] for i in worst]
    for i, (reason,) in zip(worst, reasons, strict=True):
        print(f"{images.name(i)}: {reason}")
    title = f"The {len(worst)} labels of {len(images):,} most in doubt"
    save_picture(draw_sets({"label": images.take(worst)}, {"label": reasons}, title), out)


def judge_with(model: str) -> Judge:
    """A published model as a witness of what is on images."""
    network, card = load_model(model)

    def read(images: np.ndarray) -> np.ndarray:
        return np.asarray(torch.softmax(predict_logits(network, images), dim=1).numpy())

    def none(images: np.ndarray) -> np.ndarray:
        return (evidence(predict_logits(network, images)) < card.least_evidence).numpy()

    return Judge(read, tuple(card.classes), lambda images: see_features(network, images)[1], none)


def _printed_division(readings: Sequence[Reading]) -> Division | None:
    """How printed pages say their images are to be divided, after a check that every page is there, once."""
    codes = [reading.code for reading in readings if reading.code]
    if not codes:
        return None
    if len({(code.pages, code.division) for code in codes}) > 1:
        raise ToolkitError("The photos show pages of different templates. Cut them one after the other, with --out.")
    numbers = sorted(code.number for code in codes)
    if numbers != list(range(1, codes[0].pages + 1)):
        found = ", ".join(map(str, numbers))
        raise ToolkitError(
            f"The photos show the pages {found} of a template of {codes[0].pages}. Name a photo of each page, once."
        )
    return codes[0].division


def _tell(reading: Reading) -> None:
    turned = f", turned by {90 * reading.turns} degrees" if reading.turns else ""
    counts = ", ".join(map(str, reading.counts))
    print(f"{reading.photo}: {len(reading.images)} {things(reading.layout.classes)} in rows of {counts}{turned}")


def _overlay_name(readings: Sequence[Reading], number: int) -> str:
    return f"overlay_{number + 1}_{readings[number].photo.stem}.jpg" if len(readings) > 1 else "overlay.jpg"


def _check_counts(run: Run, readings: Sequence[Reading], accept: bool) -> None:
    """Stop with pictures when a photo does not show what was promised."""
    for number, reading in enumerate(readings):
        complaints = reading.complaints
        if not complaints or (accept and -1 not in complaints and reading.layout.equal_rows):
            continue
        overlay = draw_overlay(reading, None, [])
        save_picture(overlay, run.folder / _overlay_name(readings, number))
        picture = save_picture(crop_rows(reading, overlay), run.folder / "wrong_rows.png")
        more = f" ({len(complaints) - 1} more rows)" if len(complaints) > 1 else ""
        raise ToolkitError(
            f"{reading.photo}: {next(iter(complaints.values()))}{more}. Look at {picture}; then leave out what does "
            "not belong (--skip ROW:COL), add what was missed (--add), say otherwise what is written (--rows), take "
            "rows as they are (--accept), or take the photo again."
        )


def _provenance(cutting: Cutting, files: Sequence[Path], folder: Path) -> list[dict[str, object]]:
    """Where every image came from and where it went, a row each, in reading order."""
    ordered = [int(i) for members in cutting.chosen for i in members]
    went = {i: file.relative_to(folder) for i, file in zip(ordered, files, strict=True)}
    rows: list[dict[str, object]] = []
    for reading in cutting.readings:
        for box, (row, column), chances in zip(reading.boxes, reading.found, reading.probabilities, strict=True):
            number = len(rows)
            file = went.get(number)
            rows.append(
                {
                    "photo": reading.photo.name,
                    "turned": 90 * reading.turns,
                    "row": row,
                    "column": column,
                    **dict(zip(("left", "top", "right", "bottom"), box, strict=True)),
                    "label": cutting.images.name(number),
                    "set": file.parts[0] if file else "left over",
                    "file": file.as_posix() if file else "",
                    "read_as": reading.known[int(chances.argmax())],
                    "probability": round(float(chances.max()), 4),
                    "doubts": "; ".join(cutting.doubts[number]),
                }
            )
    return rows
