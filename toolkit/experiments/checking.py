"""What ``python -m toolkit check`` does: are zips of ``hand_in`` complete, unchanged, and as good as they say?

Nothing in a zip is run: models and images are data. To look at the Test Set of others is no opening of one's own.
"""

import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import nn

from toolkit.data.image_sets import ASSIGNMENT_4, TEST_SET, TRAINING_SET, find_problems, read_all_sets
from toolkit.data.labelled_images import LabelledImages
from toolkit.data.mnist import is_cached, load_mnist
from toolkit.doors import read_archive, read_json
from toolkit.errors import ToolkitError, printable
from toolkit.evaluation.scores import Scores, score
from toolkit.experiments.evaluating import check_runs, unmeasured
from toolkit.experiments.submission import SUMS
from toolkit.models.bundle import CARD, ModelCard, load_model
from toolkit.reporting.excel import ENTRIES, read_results
from toolkit.training.adapting import load_for

MOST_UNPACKED = 200_000_000  # bytes: eight times what a zip holds
NEARLY = 2e-4  # of MNIST's images that another processor may read otherwise
MOST_TOLD = 3  # problems of a zip


def check_zips(zips: Sequence[Path], mnist: Path | None = None) -> bool:
    """Print a row for every zip: how many images its models read right, and what is wrong; returns whether nothing is.

    MNIST takes part if it is in the folder ``mnist`` or the cache.
    """
    test = load_mnist(mnist).test if mnist or is_cached() else None
    rows = [["zip", "MNIST", "before", "last layer", "more layers", "found"]]
    on_mnist: dict[str, Scores] = {}
    seen: dict[Path, set[bytes]] = {}
    for number, path in enumerate(zips, 1):
        if sys.stderr.isatty():
            print(f"{number} of {len(zips)}: {path} ...", file=sys.stderr)
        scores, problems, images = _check(path, test, on_mnist)
        for other, own in seen.items():
            if images & own:
                problems.append(f"{len(images & own)} of its images are in {other} as well.")
        seen[path] = images
        right = [f"{scores[key].correct:,}/{scores[key].n:,}" if key in scores else "-" for key in ENTRIES]
        more = [f"({len(problems) - MOST_TOLD} more)"] if len(problems) > MOST_TOLD else []
        rows.append([printable(str(path)), *right, " ".join(problems[:MOST_TOLD] + more) or "ok"])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(map(str.ljust, row, [*widths[:-1], 0])))
    return all(row[-1] == "ok" for row in rows[1:])


def _check(
    path: Path, mnist: LabelledImages | None, on_mnist: dict[str, Scores]
) -> tuple[dict[str, Scores], list[str], set[bytes]]:
    """A zip's scores, by the workbook's ``ENTRIES``, its problems, and the pixels of its images."""
    scores: dict[str, Scores] = {}
    problems, images = list[str](), set[bytes]()
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        try:
            files = {name: own for name, own in read_archive(path, "", MOST_UNPACKED).items() if not name.endswith("/")}
            for name, content in files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
            tops = {name.partition(TRAINING_SET)[0] for name in files if f"{TRAINING_SET}/" in name}
            if not tops:
                raise ToolkitError(f"{path} holds no {TRAINING_SET}. Expected a zip that the recipe hand_in made.")
            top = min(tops, key=len)  # whoever packs it anew may put everything into a folder
            folder /= top
            problems += _wrong_sums({name.removeprefix(top): content for name, content in files.items()})
            problems += find_problems(folder, ASSIGNMENT_4)
            if not find_problems(folder):
                found = read_all_sets(folder)
                images = {image.tobytes() for own in found.values() for image in own.images}
                scores = _measure(folder / "Code", found, mnist, on_mnist)
                problems += _wrong_accuracies(folder, scores)
        except (ToolkitError, OSError, ValueError) as error:  # the system refuses some names
            problems.append(str(error))
    return scores, [str(ToolkitError(line.replace(f"{folder}{os.sep}", ""))) for line in problems], images


def _wrong_sums(files: Mapping[str, bytes]) -> list[str]:
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    lines = files.get(SUMS, b"").decode(errors="replace").splitlines() or [f"-  {SUMS}"]
    listed = {name: sha256 for sha256, _, name in (line.partition("  ") for line in lines)}
    wrong = [name for name, sha256 in listed.items() if sums.get(name) != sha256]
    return [f"{name} {'is not as it was packed' if name in files else 'is missing'}." for name in wrong]


def _measure(
    code: Path, sets: Mapping[str, LabelledImages], mnist: LabelledImages | None, on_mnist: dict[str, Scores]
) -> dict[str, Scores]:
    """The scores of a zip's models; ``on_mnist`` keeps those on MNIST by the weights' sha256."""
    last, more = (code / "fine_tuned" / name for name in ("last_layer", "more_layers"))
    models: dict[str | Path, tuple[nn.Module, ModelCard]] = {place: load_model(place) for place in (last, more)}
    started = models[last][1].started_from
    cards = {read_json(card, ModelCard).weights_sha256: str(card.parent) for card in code.glob(f"checkpoints/*/{CARD}")}
    if started not in cards:
        raise ToolkitError("Code/checkpoints lacks the model from which the last layer was fine-tuned.")
    before, training, test = cards[started], sets[TRAINING_SET], sets[TEST_SET]
    models[before] = load_model(before)
    check_runs(models, before, last, more, training.classes)
    absent = unmeasured(models[before][1].classes, training.classes)  # the workbook leaves these out as well
    scores = {}
    if mnist and "pretrained_mnist" not in absent:
        if started not in on_mnist:
            on_mnist[started] = score(models[before][0], mnist)
        scores["pretrained_mnist"] = on_mnist[started]
    if "pretrained_own" not in absent:
        scores["pretrained_own"] = score(load_for(before, training).network, test)
    return scores | {"last_layer_own": score(models[last][0], test), "n_layers_own": score(models[more][0], test)}


def _wrong_accuracies(folder: Path, scores: Mapping[str, Scores]) -> list[str]:
    workbook = next(iter(sorted(folder.glob("[!.~]*.xlsx"))), folder / "Assignment 4 Results.xlsx")
    said = read_results(workbook)
    return [
        f"{workbook.name} says {f'{100 * said[key]:.2f} %' if key in said else 'nothing'} of {ENTRIES[key]}, "
        f"measured {100 * own.accuracy:.2f} %."
        for key, own in scores.items()
        if abs(said.get(key, -1) - own.accuracy) > max(0.5 / own.n, NEARLY)
    ]
