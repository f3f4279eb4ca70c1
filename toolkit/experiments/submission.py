"""What belongs together: an evaluation, the runs it evaluated, and what the report is written from."""

import csv
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydantic import TypeAdapter

from toolkit.data.image_sets import ASSIGNMENT_4, TEST_SET, load_sets, read_all_sets, require_form
from toolkit.data.labelled_images import LabelledImages, together
from toolkit.errors import ToolkitError
from toolkit.evaluation.mistakes import find_mistakes
from toolkit.evaluation.records import Comparison, ComparisonTest, FineTuningRecord, ScoreRecord, Search
from toolkit.evaluation.sealed_test import openings
from toolkit.images.reading import read_grey
from toolkit.models.bundle import CARD, WEIGHTS, find_model, load_model, published_models
from toolkit.paths import ROOT, sha256_of
from toolkit.reporting.explanation_plots import plot_mistakes
from toolkit.reporting.hand_in import set_files, source_files, strip_card
from toolkit.reporting.plots import save_figure
from toolkit.reporting.report import Cut, Evidence, FineTuned, Picture
from toolkit.reporting.sheet_pictures import draw_tiles, save_picture
from toolkit.runs import find_run, read_json, read_record
from toolkit.training.adapting import load_for
from toolkit.training.history import Epoch

SUMS = "Code/SHA256SUMS"  # of all other files: sha256sum -c reads it
PAGE = 1200  # pixels: a photo in the report is no wider
TILES = 8, 12  # images of a class beside it, and classes
EVALUATE = """From this folder, with Python 3.10 or newer:

python -m pip install -r requirements.txt
python -m toolkit recipe evaluate_models --model {model} --last-layer fine_tuned/last_layer \
--more-layers fine_tuned/more_layers --digits ..

The workbook it writes has the four accuracies. MNIST is fetched, unless --mnist names a folder with its files.
"""


@dataclass(frozen=True)
class Submission:
    """The runs behind a report: all of the same model and the same digits."""

    evaluation: Path
    record: dict[str, Any]  # the evaluation's ``run.json``
    last_layer: Path
    more_layers: Path
    comparison: Path
    tuning: Path


def find_submission(evaluation: Path, digits: Path | None) -> Submission:
    """The runs that an evaluation of the sets in ``digits`` used.

    Raises ``ToolkitError`` where a run is missing, or of other digits or another model, or the sets are others.
    """
    record = read_record(evaluation)
    folders = {}
    for name, recipe in (
        ("last_layer", "finetune_last_layer"),
        ("more_layers", "finetune_two_layers"),
        ("comparison", "compare_layers"),
        ("tuning", "tune_finetuning"),
    ):
        if not record["options"].get(name):
            raise ToolkitError(
                f"{evaluation} had no run of {recipe}. Run python -m toolkit recipe {recipe}, then evaluate_models."
            )
        folders[name] = Path(record["options"][name])
        own = read_record(folders[name])
        for fact, what in (("sets_sha256", "other digits"), ("model_sha256", "another model")):
            if own.get(fact) != record.get(fact):
                raise ToolkitError(
                    f"{folders[name]} was made with {what} than {evaluation}. Run {own['recipe']} again, "
                    "then evaluate_models."
                )
    now = {"sets_sha256": load_sets(digits).sha256(), "test_sha256": read_all_sets(digits)[TEST_SET].sha256()}
    if any(record.get(name) != sha256 for name, sha256 in now.items()):
        raise ToolkitError(
            f"The sets in {digits or ROOT} are not those that were evaluated. Name those with --digits, or make all "
            "again: python -m toolkit recipe assignment_4"
        )
    return Submission(evaluation, record, **folders)


def collect_evidence(submission: Submission, digits: Path | None = None) -> Evidence:
    """What the report is written from; ``digits`` is the folder with the three sets."""
    all_sets = read_all_sets(digits)
    training, validation, _ = all_sets.values()
    counts = [images.class_counts() for images in all_sets.values()]
    start = load_for(submission.record["options"]["model"], training)
    published = {name: load_model(name)[1].scores for name in published_models()}
    more = {"finetune_two_layers": "the last two layers fine-tuned", "finetune_all_layers": "all layers fine-tuned"}
    return Evidence(
        card=start.card,
        parameters=sum(parameter.numel() for parameter in start.network.parameters()),
        classes=training.classes,
        mnist={name: scores["mnist_test"]["accuracy"] for name, scores in published.items() if "mnist_test" in scores},
        before=read_json(submission.last_layer, "scores.json", dict[str, ScoreRecord]).get("before"),
        mistakes=None if start.new else find_mistakes(start.network, together([training, validation])),
        cut=_cut(all_sets),
        last=_fine_tuned(submission.last_layer, "the last layer fine-tuned"),
        more=_fine_tuned(submission.more_layers, more[read_record(submission.more_layers)["recipe"]]),
        scores=read_json(submission.evaluation, "scores.json", dict[str, ScoreRecord]),
        compared=read_json(submission.comparison, "comparison.json", Comparison),
        tested=read_json(submission.evaluation, "comparison_test.json", ComparisonTest),
        tuning=read_json(submission.tuning, "tuning.json", dict[str, Search]),
        openings=len(openings()),
        sizes=[(int(n.min()), int(n.max()), int(n.sum())) for n in counts],
    )


def _fine_tuned(folder: Path, name: str) -> FineTuned:
    try:
        with (folder / "history.csv").open(encoding="utf-8") as stream:
            history = TypeAdapter(list[Epoch]).validate_python([*csv.DictReader(stream)])
    except (OSError, ValueError) as error:
        raise ToolkitError(f"{folder} has no readable history.csv: {error}. Fine-tune again.") from error
    return FineTuned(name, read_json(folder, "run.json", FineTuningRecord), history)


def _cut(sets: Mapping[str, LabelledImages]) -> Cut | None:
    """How these very sets were cut from photos, if they were, and here."""
    folder = find_run("sheet_cut", images_sha256={name: images.sha256() for name, images in sets.items()})
    if not folder:
        return None
    options = read_record(folder)["options"]
    with (folder / "provenance.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    photo, turns = Path(options["photos"][0]), int(rows[0]["turned"]) // 90
    upright = Image.fromarray(np.rot90(read_grey(photo), turns)) if photo.is_file() else None
    return Cut(options, rows, upright, min(folder.glob("overlay*.jpg")))


def report_pictures(
    runs: Submission, evidence: Evidence, place: Path, photo: Path | None, digits: Path | None
) -> list[Picture]:
    """The report's figures, in the order of their worth; those made for it are written into ``place``.

    ``photo`` is the sheet's; without it that of the run which cut the sets is shown, if there is one.
    """
    files, told = [save_picture(draw_tiles(load_sets(digits).training, *TILES), place / "cut.png")], ""
    cut = evidence.cut
    sheet = Image.fromarray(read_grey(photo)) if photo else cut.photo or Image.open(cut.overlay) if cut else None
    if sheet:  # shown upright, grey, small, without metadata
        (sheet := sheet.copy()).thumbnail((PAGE, PAGE), Image.Resampling.LANCZOS)
        files.insert(0, save_picture(sheet, place / "sheet.png"))
        told = ", right, as cut from our sheet"
    pictures = [Picture("sheet", "data", tuple(files), f"The Training Set{told}.", 26 * len(files), beside=True)]
    if evidence.mistakes and evidence.mistakes.explained:
        misread = save_figure(plot_mistakes(evidence.mistakes.explained), place / "mistakes.png")
        told = "Misread by the pre-trained model. Below: blue speaks for the class read, orange for the right one."
        pictures.append(Picture("mistakes", "pretrained", (misread,), told))
    return [
        *pictures,
        Picture("comparison", "layers", (runs.comparison / "comparison.png",), "Ways to fine-tune, over seeds.", 88),
        Picture("last", "wrong", (runs.last_layer / "curves.png",), "The last layer fine-tuned, as submitted.", 72),
        Picture("more", "wrong", (runs.more_layers / "curves.png",), "More layers fine-tuned, as submitted.", 72),
        Picture("tuned_last", "tuning", (runs.tuning / "last_layer.png",), "Tuning the last layer: each factor alone."),
        Picture("tuned_more", "tuning", (runs.tuning / "more_layers.png",), "Tuning more layers: each factor alone."),
    ]


def check_and_collect(report: Path, workbook: Path, digits: Path | None) -> dict[str, bytes]:
    """Everything to hand in, by its path in the zip, after checking that it is complete and belongs together.

    Raises ``ToolkitError`` naming the first thing that is missing, or does not fit, and the command that makes it.
    """
    folder = digits or ROOT
    require_form(folder, ASSIGNMENT_4)
    for path, recipe in ((workbook, "evaluate_models"), (report, "report")):
        if not path.exists():
            raise ToolkitError(f"{path} is missing. Make it: python -m toolkit recipe {recipe}")
    written = find_run("report", pdf_sha256=sha256_of(report))
    if not written:
        raise ToolkitError(f"{report} is not as it was written. Make it again: python -m toolkit recipe report")
    submission = find_submission(Path(read_record(written)["options"]["evaluation"]), digits)
    if submission.record.get("workbook_sha256") != sha256_of(workbook):
        raise ToolkitError(
            f"{workbook} is not from the evaluation that {report.name} tells of. Make both again: python -m toolkit "
            "recipe evaluate_models, then report"
        )
    files = {f"Code/{name}": content for name, content in source_files().items()}
    for name, run in (("last_layer", submission.last_layer), ("more_layers", submission.more_layers)):
        place = find_model(run)
        files[f"Code/fine_tuned/{name}/{WEIGHTS}"] = (place / WEIGHTS).read_bytes()
        files[f"Code/fine_tuned/{name}/{CARD}"] = strip_card((place / CARD).read_bytes())
    files["Code/EVALUATE.txt"] = EVALUATE.format(model=submission.record["options"]["model"]).encode()
    files |= set_files(folder)
    files |= {path.name: path.read_bytes() for path in (report, workbook, ROOT / "requirements.txt")}
    sums = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items()]
    return files | {SUMS: "".join(sums).encode()}
