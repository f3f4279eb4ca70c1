import hashlib
import io
import json
import stat
import zipfile
from dataclasses import replace
from string import ascii_lowercase
from tempfile import gettempdir
from types import SimpleNamespace

import pytest
from PIL import Image

from toolkit.classes import DIGITS
from toolkit.data.image_sets import save_sets
from toolkit.evaluation.scores import score
from toolkit.evaluation.sealed_test import openings
from toolkit.experiments.submission import SUMS
from toolkit.models import build_model
from toolkit.models.bundle import ModelCard, save_model
from toolkit.reporting import excel
from toolkit.reporting.hand_in import write_zip
from toolkit.training.seeds import seed_everything

WORKBOOK = "Assignment 4 Results.xlsx"


def with_sums(files: dict[str, bytes]) -> dict[str, bytes]:
    files = {name: content for name, content in files.items() if name != SUMS}
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items())
    return {**files, SUMS: sums.encode()}


@pytest.fixture(scope="module")
def place(tmp_path_factory, examples):
    """Three sets, small models and a workbook, as they lie in the zip."""
    place = tmp_path_factory.mktemp("handed in")
    save_sets(place, examples)
    seed_everything(0)
    models = {}
    for key, folder, name, recipe in (
        ("pretrained_mnist", "checkpoints/small_mlp", "small_mlp", "pretrain_mnist"),
        ("last_layer_own", "fine_tuned/last_layer", "small_mlp.finetune_last_layer", "finetune_last_layer"),
        ("n_layers_own", "fine_tuned/more_layers", "small_mlp.finetune_two_layers", "finetune_two_layers"),
    ):
        network = build_model("mlp", hidden=(32, 16))
        started = models["pretrained_mnist"][1].weights_sha256 if models else ""
        card = ModelCard(name, "mlp", {"hidden": [32, 16]}, list(DIGITS), {}, recipe, {}, {}, started_from=started)
        models[key] = network.eval(), save_model(place / "Code" / folder, network, card)
    return SimpleNamespace(folder=place, models=models)


@pytest.fixture(scope="module")
def results(place, examples) -> list[excel.Result]:
    """The four accuracies."""
    models = {"pretrained_mnist": (), "pretrained_own": place.models["pretrained_mnist"], **place.models}
    tests = {"MNIST test": examples["Validation Set"], "own Test Set": examples["Test Set"]}
    return [
        excel.Result(key, "place", data, score(network, tests[data]), card)
        for key, (network, card) in models.items()
        for data in ["MNIST test" if key == "pretrained_mnist" else "own Test Set"]
    ]


@pytest.fixture(scope="module")
def files(place, results) -> dict[str, bytes]:
    """A hand-in by the path of each file in the zip."""
    excel.write_results(place.folder / WORKBOOK, results, {"Comparison": [{"Way": "last layer", "Accuracy": 0.5}]})
    paths = [path for path in sorted(place.folder.rglob("*")) if path.is_file()]
    return with_sums({path.relative_to(place.folder).as_posix(): path.read_bytes() for path in paths})


def test_what_belongs_together_is_well(run, files, results, tmp_path):
    status, said, error = run("check", write_zip(tmp_path / "a.zip", files))
    assert (status, error) == (0, "")
    heading, row = said.splitlines()
    right = [f"{result.scores.correct}/20" for result in results[1:]]
    assert row.split() == [str(tmp_path / "a.zip"), "-", *right, "ok"]
    assert row.index(right[0]) == heading.index("before")
    assert openings() == []


def test_accuracies_on_mnist_are_measured_where_it_is(run, files, results, idx_files, tmp_path):
    path = write_zip(tmp_path / "a.zip", files)
    status, said, _ = run("check", path, path, "--mnist", idx_files)
    assert status == 1
    first, second = said.splitlines()[1:]
    right = f"{results[0].scores.correct}/20"
    assert first.split()[1] == second.split()[1] == right
    assert first.endswith(" ok")
    assert "120 of its images are in" in second


def test_what_the_model_fine_tuned_cannot_read_is_left_out(run, files, results, idx_files, tmp_path):
    card = ModelCard("letters", "mlp", {"hidden": [32, 16]}, list(ascii_lowercase), {}, "pretrain", {}, {})
    letters = save_model(tmp_path / "letters", build_model("mlp", 26, hidden=(32, 16)), card)
    started = {
        f"Code/checkpoints/small_mlp/{path.name}": path.read_bytes() for path in (tmp_path / "letters").iterdir()
    }
    cards = {name: with_card(files, name, started_from=letters.weights_sha256) for name in (CARD, OTHER)}
    excel.write_results(tmp_path / WORKBOOK, results[2:])
    changed = with_sums({**files, **started, **cards, WORKBOOK: (tmp_path / WORKBOOK).read_bytes()})
    status, said, _ = run("check", write_zip(tmp_path / "a.zip", changed), "--mnist", idx_files)
    right = [f"{result.scores.correct}/20" for result in results[2:]]
    assert (status, said.splitlines()[1].split()[1:]) == (0, ["-", "-", *right, "ok"])


def an_image(grey: int) -> bytes:
    stream = io.BytesIO()
    image = Image.new("L", (28, 28))
    image.paste(grey, (8, 4, 20, 24))
    image.save(stream, "JPEG")
    return stream.getvalue()


def without(files, *names):
    return {name: content for name, content in files.items() if name not in names}


IMAGE, WEIGHTS = "Test Set/3/3_01.jpg", "model.safetensors"
CARD, OTHER = "Code/fine_tuned/last_layer/model.json", "Code/fine_tuned/more_layers/model.json"
CHANGES = {
    f"{IMAGE} is not as it was packed.": lambda files: {**files, IMAGE: an_image(200)},
    f"{IMAGE} is missing.": lambda files: without(files, IMAGE),
    f"{SUMS} is missing.": lambda files: without(files, SUMS),
    "Test Set/3 holds 1 images, expected 2.": lambda files: with_sums(without(files, IMAGE)),
    "has the same pixels as Training Set/3/3_01.jpg.": lambda files: with_sums(
        {**files, IMAGE: files["Training Set/3/3_01.jpg"]}
    ),
    f"{IMAGE} is 5x5, expected 28x28.": lambda files: with_sums(
        {**files, IMAGE: (stream := io.BytesIO(), Image.new("L", (5, 5)).save(stream, "JPEG"))[0].getvalue()}
    ),
    f"Code/fine_tuned/last_layer/{WEIGHTS} is not model.json's (sha256 differs).": lambda files: with_sums(
        {**files, f"Code/fine_tuned/last_layer/{WEIGHTS}": files[f"Code/fine_tuned/more_layers/{WEIGHTS}"]}
    ),
    "was not fine-tuned from": lambda files: with_sums({**files, OTHER: with_card(files, OTHER, started_from="x")}),
    "Code/checkpoints lacks the model": lambda files: with_sums({**files, CARD: with_card(files, started_from="x")}),
    "names no network of yours": lambda files: with_sums(
        {
            **files,
            CARD: with_card(files, architecture="recipes/mine.py:Net"),
            "Code/recipes/mine.py": b"raise SystemExit",
        }
    ),
    f"{WORKBOOK} cannot be read": lambda files: with_sums(without(files, WORKBOOK)),
    f"{WORKBOOK} is no .xlsx workbook": lambda files: with_sums({**files, WORKBOOK: b"no"}),
    "[31mred is missing.": lambda files: {**files, SUMS: files[SUMS] + b"0  \x1b[31mred\n"},
    "holds no Training Set.": lambda files: {"a.txt": b"a"},
}


def with_card(files, name=CARD, **changes) -> bytes:
    return json.dumps({**json.loads(files[name]), **changes}).encode()


@pytest.mark.parametrize("complaint", CHANGES)
def test_what_was_changed_is_told_in_its_row(complaint, run, files, tmp_path):
    status, said, error = run("check", write_zip(tmp_path / "a.zip", CHANGES[complaint](files)))
    assert (status, error) == (1, "")
    _, row = said.splitlines()
    assert complaint in row
    assert row.isprintable()
    assert f"{gettempdir()}/tmp" not in row  # where it was unpacked


def test_an_accuracy_that_the_models_do_not_reach_is_told(run, files, results, tmp_path):
    better = replace(results[2].scores, confusion=tuple(tuple(2 * (i == j) for j in range(10)) for i in range(10)))
    excel.write_results(tmp_path / WORKBOOK, [*results[:2], replace(results[2], scores=better), results[3]])
    changed = with_sums({**files, WORKBOOK: (tmp_path / WORKBOOK).read_bytes()})
    status, said, _ = run("check", write_zip(tmp_path / "a.zip", changed))
    assert status == 1
    measured = f"measured {100 * results[2].scores.accuracy:.2f} %."
    assert f"says 100.00 % of the model with its last layer fine-tuned, {measured}" in said
    assert said.count("says") == 1


def test_an_instructors_workbook_is_read_as_well(run, files, results, tmp_path):
    book = excel.Workbook()
    for row in (["Model", "Accuracy"], *([text] for text in ("Pre-trained on MNIST", "Pre-trained on own digits"))):
        book.active.append(row)
    for text in ("Last layer fine-tuned, own digits", "Two layers fine-tuned, own digits"):
        book.active.append([text])
    book.save(tmp_path / "template.xlsx")
    excel.fill_template(tmp_path / "template.xlsx", tmp_path / "filled.xlsx", results)
    changed = with_sums({**without(files, WORKBOOK), "mine.xlsx": (tmp_path / "filled.xlsx").read_bytes()})
    assert run("check", write_zip(tmp_path / "a.zip", changed))[0] == 0


def test_what_was_packed_anew_within_a_folder_is_found(run, files, tmp_path):
    again = {f"12_34/{name}": content for name, content in files.items()}
    again |= {"__MACOSX/12_34/Training Set/0/._0_01.jpg": b"x", "12_34/.DS_Store": b"x"}
    assert run("check", write_zip(tmp_path / "a.zip", again))[0] == 0


def packed(path, name, content=b"x", mode=0o644 | stat.S_IFREG):
    entry = zipfile.ZipInfo(name)
    entry.external_attr = mode << 16
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(entry, content)


def encrypted(path):
    packed(path, "Training Set/0/a.jpg")
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)


def many(path):
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(10_001):
            archive.writestr(str(number), b"")


def bomb(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("Training Set/a", "w") as stream:
        for _ in range(201):
            stream.write(bytes(1_000_000))


HOSTILE = {
    "no zip": (lambda path: path.write_bytes(b"no zip at all"), "cannot be read"),
    "absent": (lambda path: None, "cannot be read"),
    "folder": (lambda path: path.mkdir(), "no regular file"),
    "parent": (lambda path: packed(path, "../out.txt"), "leads out of it"),
    "absolute": (lambda path: packed(path, "/tmp/out.txt"), "leads out of it"),
    "link": (lambda path: packed(path, "Training Set", b"/etc", 0o777 | stat.S_IFLNK), "leads out of it"),
    "encrypted": (encrypted, "encrypted"),
    "many": (many, "more than 200 MB or 10,000 files"),
    "bomb": (bomb, "more than 200 MB or 10,000 files"),
    "long name": (lambda path: packed(path, f"Training Set/{'x' * 300}"), "File name too long"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_zip_that_is_none_or_means_harm_is_one_row_and_the_next_is_checked(kind, run, tmp_path):
    make, complaint = HOSTILE[kind]
    make(tmp_path / "a.zip")
    before = sorted(tmp_path.rglob("*"))
    status, said, error = run("check", tmp_path / "a.zip", tmp_path / "none.zip")
    assert (status, error) == (1, "")
    _, first, second = said.splitlines()
    assert complaint in first
    assert "cannot be read" in second
    assert [path for path in sorted(tmp_path.rglob("*")) if "runs" not in path.parts] == before
