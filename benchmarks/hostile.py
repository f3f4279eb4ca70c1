"""Feed damaged and hostile files to every door, and count what is not one clear line.

    python -m benchmarks.hostile --seed 0
    python -m benchmarks.hostile --seed 7 --share 0.05

Files are made from good ones: cut off, bits flipped, pieces of others spliced in, JSON values of wrong types, bombs.
Good are a result and a ``ToolkitError`` of one line of at most 300 letters. Bad are any other exception, more than 10
seconds, anything a library prints by itself, and more than 1 GiB of memory above the start.
"""

import contextlib
import gzip
import io
import json
import os
import random
import resource
import signal
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from openpyxl import Workbook
from PIL import Image

from benchmarks.simulate.printed import draw_template
from toolkit.classes import DIGITS, parse_names
from toolkit.data.csv_digits import read_labelled_csv
from toolkit.data.sheets import labels_of, read_photo
from toolkit.doors import read_archive
from toolkit.errors import LONGEST, ToolkitError
from toolkit.evaluation.sealed_test import openings
from toolkit.images.reading import read_grey, read_rgb
from toolkit.images.template import find_page, read_code
from toolkit.models import build_model
from toolkit.models.bundle import CARD, WEIGHTS, ModelCard, find_model, load_model, save_model
from toolkit.paths import ROOT
from toolkit.reporting.excel import match_template
from toolkit.reporting.hand_in import set_files, write_zip, zip_name
from toolkit.reporting.report import Picture, _blocks, typeset
from toolkit.runs import find_run

LONGEST_WAIT = 10  # seconds
MOST_MEMORY = 1 << 30  # bytes above the start
Door = Callable[[Path], object]
Case = tuple[str, bytes]


def damaged(content: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """One of: cut off, some bits flipped, a piece of another file spliced in, a piece repeated, nothing of it left."""
    place, end = sorted(chance.randrange(len(content) + 1) for _ in range(2))
    other = chance.choice(others)
    kind = chance.randrange(5)
    if kind == 0:
        return content[:place]
    if kind == 1:
        flipped = bytearray(content)
        for _ in range(chance.choice((1, 3, 30))):
            where = chance.randrange(min(len(flipped), chance.choice((64, 1024, len(flipped)))))
            flipped[where] ^= 1 << chance.randrange(8)
        return bytes(flipped)
    if kind == 2:
        start = chance.randrange(len(other))
        return content[:place] + other[start : start + chance.choice((4, 100, 5000))] + content[end:]
    return (
        content[:end] + content[place:end] * chance.randrange(4) + content[end:]
        if kind == 3
        else os.urandom(place % 999)
    )


WRONG = (None, True, -1, 0, 1e308, 10**9, 10**400, "", "x" * 5000, "\0", "\ud800", [], {}, [[[[]]]], [None], {"a": {}})


def wrong_types(value: Any, chance: random.Random) -> Any:
    """The same JSON with one value, somewhere in it, of a wrong type or size."""
    if isinstance(value, dict) and value and chance.random() < 0.8:
        name = chance.choice(list(value))
        if chance.random() < 0.15:
            return {key: own for key, own in value.items() if key != name}
        return {**value, name: wrong_types(value[name], chance)}
    if isinstance(value, list) and value and chance.random() < 0.7:
        place = chance.randrange(len(value))
        return [*value[:place], wrong_types(value[place], chance), *value[place + 1 :]]
    return chance.choice(WRONG)


def as_json(value: Any, chance: random.Random) -> bytes:
    """Damaged as JSON, or as bytes."""
    if chance.random() < 0.03:
        return b"[" * 200_000
    if chance.random() < 0.7:
        return json.dumps(wrong_types(value, chance)).encode()
    content = json.dumps(value).encode()
    return damaged(content, [content], chance)


def images() -> list[Case]:
    """A small image in every format that is read."""
    grey = np.random.default_rng(0).integers(0, 256, (40, 30), np.uint8)
    picture, cases = Image.fromarray(grey), []
    for kind in ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF"):
        stream = io.BytesIO()
        picture.save(stream, kind)
        cases.append((f"a.{kind.lower()}", stream.getvalue()))
    for compression in ("tiff_lzw", "jpeg", "tiff_deflate"):
        stream = io.BytesIO()
        picture.save(stream, "TIFF", compression=compression)
        cases.append((f"{compression}.tif", stream.getvalue()))
    return cases


def photos() -> list[Case]:
    """A printed page, and lines of pixels."""
    cases = []
    photo = Image.fromarray(draw_template(pixels_per_mm=3))
    for kind, picture in (("jpg", photo), ("png", photo), ("png", Image.new("L", (1, 30_000), 200))):
        stream = io.BytesIO()
        picture.save(stream, {"jpg": "JPEG"}.get(kind, kind))
        cases.append((f"a.{kind}", stream.getvalue()))
    return cases


def sheets() -> list[Case]:
    """The example sheet, small."""
    cases = []
    with Image.open(ROOT / "docs" / "images" / "sheet.jpg") as photo:
        photo.thumbnail((1000, 1000))
        for kind in ("JPEG", "PNG"):
            stream = io.BytesIO()
            photo.save(stream, kind)
            cases.append((f"a.{kind.lower()}", stream.getvalue()))
    return cases


def tables() -> list[Case]:
    """Digits as CSV: plain, packed, and bombs."""
    plain = b"\n".join(b"3," + b",".join(b"%d" % (n % 256) for n in range(784)) for _ in range(4)) + b"\n"
    cases = [("a.csv", plain), ("a.csv.gz", gzip.compress(plain))]
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", method) as archive:
            archive.writestr("a.csv", plain)
        cases.append((f"{method}.zip", stream.getvalue()))
    return cases


def workbooks() -> list[Case]:
    """An instructor's workbook."""
    workbook = Workbook()
    for row in (
        ["Model", "Accuracy"],
        ["Pre-trained on MNIST"],
        ["Pre-trained on own digits"],
        ["Last layer, own digits"],
    ):
        workbook.active.append(row)
    stream = io.BytesIO()
    workbook.save(stream)
    return [("a.xlsx", stream.getvalue())]


def bomb(path: Path) -> Path:
    """Half a gigabyte of zeros, packed as the name says, or that many pixels."""
    million = bytes(1_000_000)
    if path.suffix == ".gz":
        with gzip.open(path, "wb", 1) as stream:
            for _ in range(500):
                stream.write(million)
    elif path.suffix == ".png":
        Image.new("L", (1, 60_000_000)).save(path)
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.csv", "w") as stream:
            for _ in range(500):
                stream.write(million)
    return path


def card_door(folder: Path) -> Iterator[tuple[str, Callable[[random.Random], None], Callable[[], object]]]:
    """Cards and weights of published models."""
    for name in ("mnist_mlp", "mnist_cnn"):
        good = find_model(name)
        card, weights = json.loads((good / CARD).read_text()), (good / WEIGHTS).read_bytes()
        place = folder / name
        place.mkdir()

        def prepare(chance: random.Random, place=place, card=card, weights=weights) -> None:
            both = chance.random() < 0.2
            (place / CARD).write_bytes(json.dumps(card).encode() if both else as_json(card, chance))
            (place / WEIGHTS).write_bytes(damaged(weights, [weights], chance) if both else weights)

        yield name, prepare, lambda place=place: load_model(place)


def hand_in() -> dict[str, bytes]:
    """What a student hands in, with small models that learned nothing, by the path of each file in the zip."""
    files = set_files(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        for place, recipe in (
            ("checkpoints/small", "pretrain_mnist"),
            ("fine_tuned/last_layer", "finetune_last_layer"),
            ("fine_tuned/more_layers", "finetune_two_layers"),
        ):
            card = ModelCard("small", "mlp", {"hidden": [8]}, list(DIGITS), {}, recipe, {}, {})
            if "fine_tuned" in place:
                started = json.loads(files[f"Code/checkpoints/small/{CARD}"])["weights_sha256"]
                card = replace(card, started_from=started)
            save_model(Path(folder) / place, build_model("mlp", hidden=(8,)), card)
            for name in (CARD, WEIGHTS):
                files[f"Code/{place}/{name}"] = (Path(folder) / place / name).read_bytes()
    workbook = Workbook()
    workbook.active.title = "Results"
    for row in (["Model", "Test data", "Images", "Right", "Accuracy"], *(["m", "t", 20, 2, 0.1] for _ in range(4))):
        workbook.active.append(row)
    stream = io.BytesIO()
    workbook.save(stream)
    return {**files, "Assignment 4 Results.xlsx": stream.getvalue()}


def read_page(path: Path) -> object:
    """What the cutter reads of a printed page."""
    photo = read_rgb(path)
    page = find_page(photo)
    return page and read_code(photo, page)


def cut_sheet(path: Path) -> object:
    """What the cutter finds on a photo, judged by a published model."""
    from toolkit.experiments.cutting import judge_with  # timm warns on import

    reading = read_photo(path, None, judge_with("mnist_mlp"))
    return reading.complaints or labels_of(reading)


def judge(call: Callable[[], object]) -> str:
    """What a call did that it must not do, "" if nothing."""

    def too_long(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(LONGEST_WAIT)
    with tempfile.TemporaryFile() as said, _output_to(said.fileno()):
        try:
            call()
            verdict = ""
        except ToolkitError as error:
            verdict = "" if len(str(error)) <= LONGEST and str(error).isprintable() else "message of several lines"
        except TimeoutError:
            verdict = "too long"
        except Exception as error:
            verdict = f"{type(error).__name__}: {str(error)[:60]!r}"
        finally:
            signal.alarm(0)
        said.seek(0)
        lines = [line for line in said.read().decode(errors="replace").splitlines() if "Passed over: " not in line]
    return verdict or (f"printed {lines[0][:60]!r}" if lines else "")


@contextlib.contextmanager
def _output_to(handle: int) -> Iterator[None]:
    before = os.dup(1), os.dup(2)
    for number in (1, 2):
        os.dup2(handle, number)
    try:
        yield
    finally:
        for old, number in zip(before, (1, 2), strict=True):
            os.dup2(old, number)
            os.close(old)


def main(
    seed: Annotated[int, typer.Option(help="fixes the damage")] = 0,
    share: Annotated[float, typer.Option(help="of the usual counts")] = 1.0,
) -> None:
    """Print a row for every door."""
    warnings.simplefilter("ignore")
    from toolkit.experiments.checking import _check  # timm warns on import

    chance = random.Random(seed)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    bad: Counter[str] = Counter()

    def files(cases: list[Case], door: Door) -> Callable[[Path], Callable[[], object]]:
        contents = [content for _, content in cases]

        def make(folder: Path) -> Callable[[], object]:
            name, content = chance.choice(cases)
            path = folder / name
            path.write_bytes(damaged(content, contents, chance))
            return lambda: door(path)

        return make

    def cards(folder: Path) -> Callable[[], object]:
        doors = list(card_door(folder))
        _, prepare, call = chance.choice(doors)
        prepare(chance)
        return call

    record = {
        "recipe": "r",
        "status": "finished",
        "date": "2026-01-01 00:00:00",
        "seconds": 1.0,
        "options": {"lr": 0.1},
    }

    def records(folder: Path) -> Callable[[], object]:
        os.environ["TOOLKIT_RUNS"] = str(folder)
        (folder / "r" / "1").mkdir(parents=True)
        (folder / "r" / "1" / "run.json").write_bytes(as_json(record, chance))
        (folder / "test_set_openings.jsonl").write_bytes(as_json({"time": "", "recipe": "r", "n": 20}, chance))
        return lambda: (find_run("r", lr=0.1), openings())

    letters = 'aZ0_-., \0\x1b\n\ud800\ufffeé\u0301中/\\:*?"<>|=+@'

    def names(_: Path) -> Callable[[], object]:
        name = "".join(chance.choice(letters) for _ in range(chance.choice((1, 3, 10, 10_000))))
        return chance.choice([lambda: zip_name(name), lambda: parse_names(name)])

    def words(folder: Path) -> Callable[[], object]:
        marks = [
            "# ",
            "- ",
            "**",
            "`",
            "$x$",
            "#let a = 1",
            "\n",
            "\n\n",
            "<script>",
            "[a](b)",
            "![a](/etc/passwd)",
            letters,
        ]
        own = "".join(chance.choice(marks) for _ in range(chance.choice((3, 30, 300)))) + "e" + "\u0301" * 20_000
        content = {
            "title": own,
            "authors": [own],
            "ids": [own],
            "sections": [{"name": "", "title": "", "blocks": _blocks(own)}],
        }
        return lambda: typeset(folder / "a.pdf", content, [])

    def pictures(folder: Path) -> Callable[[], object]:
        name, content = chance.choice([case for case in images() if case[0].endswith(("png", "jpeg", "gif", "webp"))])
        (folder / name).write_bytes(damaged(content, [content], chance))
        page = {"title": "", "authors": [], "ids": [], "sections": []}
        return lambda: typeset(folder / "a.pdf", page, [Picture("a", "", (folder / name,), "a")])

    whole = hand_in()

    def hand_ins(folder: Path) -> Callable[[], object]:
        name = chance.choice([name for name in whole if "Set/" not in name or chance.random() < 0.02])
        content = whole[name]
        card = as_json(json.loads(content), chance) if name.endswith(CARD) else damaged(content, [content], chance)
        path = write_zip(folder / "a.zip", {**whole, name: card})
        if chance.random() < 0.2:
            path.write_bytes(damaged(path.read_bytes(), [content], chance))
        return lambda: _check(path, None, {})

    def bombs(folder: Path) -> Callable[[], object]:
        named = {
            "a.csv.gz": read_labelled_csv,
            "a.zip": read_labelled_csv,
            "a.xlsx": match_template,
            "a.png": read_page,
            "b.zip": lambda path: _check(path, None, {}),
        }
        name, door = chance.choice(list(named.items()))
        path = bomb(folder / name)
        return lambda: door(path)

    rows: list[tuple[str, int, Callable[[Path], Callable[[], object]]]] = [
        ("images", 8000, files(images(), read_grey)),
        ("photos of templates", 2000, files(photos(), read_page)),
        ("CSV plain, .gz, .zip", 2000, files(tables(), read_labelled_csv)),
        ("archives", 2000, files(tables()[2:], lambda path: read_archive(path, "", 10_000_000))),
        ("workbooks", 2000, files(workbooks(), match_template)),
        ("cards and weights", 2000, cards),
        ("what is handed in", 500, hand_ins),
        ("records of runs", 2000, records),
        ("names", 2000, names),
        ("words of the report", 2000, words),
        ("its pictures", 1000, pictures),
        ("photos of sheets", 200, files(sheets(), cut_sheet)),
        ("bombs", 20, bombs),
    ]
    print(f"{'door':22} tried   bad  longest s  peak MB")
    for title, count, make in rows:
        wrong, longest = 0, 0.0
        count = max(1, round(share * count))
        for _ in range(count):
            with tempfile.TemporaryDirectory() as folder:
                call = make(Path(folder))
                began = time.perf_counter()
                verdict = judge(call)
                longest = max(longest, time.perf_counter() - began)
            if verdict:
                wrong += 1
                bad[f"{title}: {verdict}"] += 1
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - memory
        if peak > MOST_MEMORY:
            bad[f"{title}: {peak >> 20} MiB above the start"] += 1
        print(f"{title:22} {count:5}  {wrong:4}  {longest:9.2f}  {peak / 1e6:7.0f}", flush=True)
    for reason, times in bad.most_common():
        print(f"{times:5}  {reason}")
    if bad:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
