"""The whole way once, with one epoch everywhere; each test looks at another part of what it left."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.text import Text
from openpyxl import load_workbook
from PIL import Image
from pypdf import PdfReader

from recipes import assignment_4, evaluate_models, hand_in, report
from tests.conftest import idx_bytes
from tests.damage import altered, at_most_one_line
from toolkit.data import mnist
from toolkit.data.image_sets import read_all_sets, save_sets
from toolkit.errors import ToolkitError
from toolkit.evaluation.sealed_test import openings
from toolkit.evaluation.statistics import nats
from toolkit.experiments import comparing, tuning
from toolkit.experiments.checking import check_zips
from toolkit.experiments.submission import collect_evidence, find_submission, report_pictures
from toolkit.paths import sha256_of
from toolkit.reporting import plots
from toolkit.reporting.report import LAYOUT, tell
from toolkit.runs import latest_run, read_json, start_run

ZIP, PDF, WORKBOOK = "12_34.zip", "Assignment 4_Report.pdf", "Assignment 4 Results.xlsx"
AUTHORS = {"authors": "Ada #1, =Alan*", "ids": "12, 34"}
WORDS = "# What we saw\n\nThe *sevens* were **hard**: `#7` $x$\n\n- one\n- two\n"
USUAL = tuning.usual_settings
DRAW = plots.figure_png
SMALLEST = {}  # of every figure drawn: the size of its smallest letters, and its width in inches


@pytest.fixture(scope="module")
def place(tmp_path_factory, examples):
    """Sets, stand-ins for MNIST's files and the students' words, all below one folder."""
    place = tmp_path_factory.mktemp("assignment")
    save_sets(place / "digits", examples)
    (place / "words.md").write_text(WORDS)
    for part, name in (("train", "Training Set"), ("t10k", "Validation Set")):
        for kind, array in (
            ("images-idx3", examples[name].images[:, 0]),
            ("labels-idx1", examples[name].labels.astype("uint8")),
        ):
            (place / f"{part}-{kind}-ubyte").write_bytes(idx_bytes(array))
    return place


@pytest.fixture(autouse=True)
def short(place, monkeypatch):
    """One epoch everywhere, two seeds, few trials; runs go beside the sets."""
    monkeypatch.setenv("TOOLKIT_RUNS", str(place / "runs"))
    monkeypatch.setattr(mnist, "SHA256", {name: sha256_of(place / name) for name in mnist.SHA256})
    monkeypatch.setattr(plots, "figure_png", draw)
    monkeypatch.setattr(tuning, "FACTORS", {"lr": (10,), "epochs": (2,)})
    monkeypatch.setattr(tuning, "usual_settings", lambda layers: replace(USUAL(layers), epochs=1))
    for name, how in comparing.VARIANTS.items():
        if how:
            monkeypatch.setitem(comparing.VARIANTS, name, replace(how, epochs=1, head_epochs=min(1, how.head_epochs)))


def draw(figure):
    content = DRAW(figure)
    sizes = [text.get_fontsize() for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
    SMALLEST[hashlib.sha256(content).hexdigest()] = min(sizes), figure.get_figwidth()
    return content


def assign(place, digits=None):
    options = {"model": "mnist_mlp", "seeds": 2, "repeats": 1, "processes": 1, "words": place / "words.md"}
    return assignment_4.run(**options, **AUTHORS, mnist=place, digits=digits or place / "digits", out=place / "out")


@pytest.fixture
def done(place):
    """The folder with workbook, report and zip; everything is run by the first test that asks."""
    if not (place / "out" / ZIP).exists():
        assign(place)
    return place / "out"


def text(pdf) -> str:
    """What a PDF says, without the hyphens at its lines' ends."""
    pages = (page.extract_text() for page in PdfReader(pdf).pages)
    return " ".join(" ".join(pages).replace("-\n", "").split())


def test_the_report_has_the_numbers_of_the_runs_and_the_students_words_as_they_are(done):
    said = text(done / PDF)
    scores = read_json(latest_run("evaluate_models"), "scores.json")
    for record in scores.values():
        assert f"{100 * record['accuracy']:.1f} %" in said
        assert f"{record['correct']:,} of {record['n']:,}" in said
    tuned = read_json(latest_run("tune_finetuning"), "tuning.json")
    assert nats(tuned["last layer"]["loss"]) in said
    assert "Ada #1, =Alan*" in said
    assert "The sevens were hard: #7 $x$" in said
    assert read_json(latest_run("report"), "run.json")["pages_of_text"] <= 2
    assert len(PdfReader(done / PDF).pages) <= 6


def evidence_of(place):
    runs = find_submission(latest_run("evaluate_models"), place / "digits")
    return runs, collect_evidence(runs, place / "digits")


def test_letters_in_figures_are_printed_at_seven_points_or_more(done, place, tmp_path):
    margin = float(re.search(r"x: ([\d.]+)cm", LAYOUT.read_text())[1])
    page = (21 - 2 * margin) / 2.54
    drawn = {}
    for picture in report_pictures(*evidence_of(place), tmp_path, None, place / "digits"):
        for file in picture.files:
            name = sha256_of(file)
            if name in SMALLEST:
                size, width = SMALLEST[name]
                drawn[picture.name] = size * picture.width / 100 / len(picture.files) * page / width
    assert drawn.keys() == {"mistakes", "comparison", "last", "more", "tuned_last", "tuned_more"}
    assert {name: size for name, size in drawn.items() if size < 7} == {}


def test_the_photo_that_the_sets_were_cut_from_is_shown_unasked(done, place, tmp_path):
    sets = read_all_sets(place / "digits")
    photo = tmp_path / "sheet.jpg"
    Image.linear_gradient("L").resize((80, 60)).save(photo)
    options = {"photos": [str(photo)], "skip": ["1:2"], "label": [], "add": [], "seed": 3}
    with start_run("sheet_cut.py", options) as run:
        run.facts.update(images_sha256={name: images.sha256() for name, images in sets.items()})
        run.write_csv("provenance.csv", [{"photo": "sheet.jpg", "turned": 90, "row": 1, "doubts": ""}])
        Image.new("L", (30, 40)).save(run.folder / "overlay.jpg")
    runs, evidence = evidence_of(place)
    evidence = replace(evidence, mistakes=None)

    def shown(evidence, photo=None):
        figure, *_ = report_pictures(runs, evidence, tmp_path, photo, place / "digits")
        with Image.open(figure.files[0]) as picture:
            return figure.caption, picture.copy()

    caption, sheet = shown(evidence)
    assert caption == "The Training Set, right, as cut from our sheet."
    assert (sheet.size, evidence.cut.photo.size) == ((60, 80), (60, 80))
    assert sheet.getpixel((0, 70)) < sheet.getpixel((59, 70))  # turned to the left: what was above is left
    assert "We made 1 correction by hand" in tell(evidence)[0]["content"][0]
    assert shown(replace(evidence, cut=replace(evidence.cut, photo=None)))[1].size == (30, 40)
    assert shown(evidence, photo)[1].size == (80, 60)
    assert shown(replace(evidence, cut=None))[0] == "The Training Set."


@settings(max_examples=5)
@given(data=st.data())
def test_a_damaged_file_of_a_run_is_one_line(data, done, place):
    runs = find_submission(latest_run("evaluate_models"), place / "digits")
    files = [runs.evaluation / "scores.json", runs.evaluation / "comparison_test.json", runs.last_layer / "run.json"]
    files += [runs.comparison / "comparison.json", runs.tuning / "tuning.json"]
    path = data.draw(st.sampled_from(files))
    whole = path.read_text()
    path.write_text(json.dumps(data.draw(altered(json.loads(whole)))))
    try:
        with at_most_one_line():
            tell(collect_evidence(runs, place / "digits"))
    finally:
        path.write_text(whole)


def test_the_workbook_has_the_comparison_and_the_trials(done):
    workbook = load_workbook(done / WORKBOOK)
    assert workbook.sheetnames == ["Results", "Runs", "Comparison", "Trials"]
    compared = read_json(latest_run("compare_layers"), "comparison.json")
    means = [row[2].value for row in workbook["Comparison"].iter_rows(min_row=2)]
    assert means == [way["mean"] for way in compared["ways"].values()]
    assert workbook["Trials"].max_row > 6
    assert str(done.parent) not in str([[cell.value for cell in row] for row in workbook["Runs"].iter_rows()])


def test_test_set_is_opened_once_and_a_second_run_trains_nothing(done, place, monkeypatch):
    assert [entry["recipe"] for entry in openings()] == ["evaluate_models"]
    monkeypatch.setattr(comparing, "adapt", None)
    monkeypatch.setattr(tuning, "adapt", None)
    (done / ZIP).unlink()
    assign(place)
    assert len(openings()) == 1
    assert (done / ZIP).exists()


def test_another_test_set_is_evaluated_anew_and_so_is_what_another_evaluation_wrote_over(
    done, place, tmp_path, monkeypatch
):
    def evaluate(**_):
        raise ToolkitError("Test Set is opened")

    monkeypatch.setattr(evaluate_models, "run", evaluate)
    others = shutil.copytree(place / "digits", tmp_path / "others")
    first, second = sorted((others / "Test Set/0").iterdir())
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)
    with pytest.raises(ToolkitError, match="is opened"):
        assign(place, digits=others)
    with start_run("evaluate_models.py", {"out": done / WORKBOOK}) as later:
        pass
    with pytest.raises(ToolkitError, match="is opened"):
        assign(place)
    shutil.rmtree(later.folder)


def test_unpacked_elsewhere_the_evaluation_gives_the_same_numbers(done, tmp_path):
    elsewhere = tmp_path / "Übung 4, größer"
    with zipfile.ZipFile(done / ZIP) as archive:
        archive.extractall(elsewhere)
    assert {path.name for path in elsewhere.iterdir()} == {
        "Code",
        "Training Set",
        "Validation Set",
        "Test Set",
        PDF,
        WORKBOOK,
        "requirements.txt",
    }
    program = (
        f"from toolkit.data import mnist; mnist.SHA256.update({mnist.SHA256}); from pathlib import Path; "
        "from recipes.evaluate_models import run; run(model='mnist_mlp', last_layer=Path('fine_tuned/last_layer'), "
        f"more_layers=Path('fine_tuned/more_layers'), mnist=Path({str(done.parent)!r}), digits=Path('..'))"
    )
    environment = {"TOOLKIT_RUNS": str(tmp_path / "theirs"), "PATH": "", "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], cwd=elsewhere / "Code", env=environment, check=True)
    (theirs,) = (tmp_path / "theirs" / "evaluate_models").iterdir()
    ours = read_json(latest_run("evaluate_models"), "scores.json")
    for key, record in json.loads((theirs / "scores.json").read_text()).items():
        assert record["confusion"] == ours[key]["confusion"]
        assert record["loss"] == pytest.approx(ours[key]["loss"])


def test_a_teachers_check_finds_nothing_wrong(done, place, capsys):
    assert check_zips([done / ZIP], place)
    row = capsys.readouterr().out.splitlines()[1].split()
    scores = read_json(latest_run("evaluate_models"), "scores.json")
    assert row[1:] == [*(f"{record['correct']}/20" for record in scores.values()), "ok"]
    assert len(openings()) == 1


def test_what_is_missing_is_named_with_the_command_that_makes_it(done, place, tmp_path):
    options = {"report": done / PDF, "workbook": done / WORKBOOK, "digits": place / "digits", "out": tmp_path}
    with pytest.raises(ToolkitError, match="recipe evaluate_models"):
        hand_in.run(**{**options, "workbook": tmp_path / "none.xlsx"})
    with pytest.raises(ToolkitError, match="recipe report"):
        hand_in.run(**{**options, "report": tmp_path / "none.pdf"})
    (tmp_path / "changed.pdf").write_bytes((done / PDF).read_bytes() + b"x")
    with pytest.raises(ToolkitError, match="not as it was written"):
        hand_in.run(**{**options, "report": tmp_path / "changed.pdf"})
    (tmp_path / "changed.xlsx").write_bytes((done / WORKBOOK).read_bytes() + b"x")
    with pytest.raises(ToolkitError, match="not from the evaluation"):
        hand_in.run(**{**options, "workbook": tmp_path / "changed.xlsx"})
    sets = read_all_sets(place / "digits")
    save_sets(
        tmp_path / "others", {**sets, "Test Set": replace(sets["Test Set"], stored=255 - sets["Test Set"].images)}
    )
    with pytest.raises(ToolkitError, match="inverted"):
        hand_in.run(**{**options, "digits": tmp_path / "others"})
    save_sets(tmp_path / "others", {"Test Set": sets["Test Set"].take(sets["Test Set"].labels.argsort()[::-1])})
    with pytest.raises(ToolkitError, match="not those that were evaluated"):
        hand_in.run(**{**options, "digits": tmp_path / "others"})
    with pytest.raises(ToolkitError, match="not those that were evaluated"):
        report.run(digits=tmp_path / "others", out=tmp_path / "report.pdf")
    with pytest.raises(ToolkitError, match="cannot name a file"):
        hand_in.run(**options, ids="../x")
    assert not list(tmp_path.glob("*.zip"))


def test_runs_of_other_digits_make_no_report(done, place, monkeypatch):
    evaluation = latest_run("evaluate_models")
    folder = latest_run("tune_finetuning")
    record = read_json(folder, "run.json")
    monkeypatch.setattr(
        "toolkit.experiments.submission.read_record",
        lambda path: {**record, "sets_sha256": "other"} if path == folder else read_json(path, "run.json"),
    )
    with pytest.raises(ToolkitError, match="with other digits than"):
        report.run(evaluation=evaluation, out=place / "other.pdf", digits=place / "digits")
    assert not (place / "other.pdf").exists()


def test_words_that_are_too_long_or_no_text_are_refused(done, place, tmp_path):
    long = tmp_path / "long.md"
    long.write_text("Much to say about sevens. " * 1000)
    options = {"out": tmp_path / "a.pdf", "digits": place / "digits"}
    with pytest.raises(ToolkitError, match=r"pages, 2 are allowed\. Shorten"):
        report.run(words=long, **options)
    long.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ToolkitError, match="Markdown file in UTF-8"):
        report.run(words=long, **options)
    assert not (tmp_path / "a.pdf").exists()


def test_without_the_runs_it_needs_the_report_names_the_command(place, tmp_path, monkeypatch):
    monkeypatch.setenv("TOOLKIT_RUNS", str(tmp_path / "no runs"))
    with pytest.raises(ToolkitError, match="recipe evaluate_models"):
        report.run(out=tmp_path / "a.pdf", digits=place / "digits")
    with pytest.raises(ToolkitError, match="finetune_last_layer"):
        evaluate_models.run(model="mnist_mlp", mnist=place, digits=place / "digits")
