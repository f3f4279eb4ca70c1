"""How well sheets are cut: simulated photos of all conditions, real ones, what cutting is worth, time and memory.

    python -m benchmarks.sheets                 # everything: about 20 minutes on 2 CPU cores
    python -m benchmarks.sheets --photos 30     # a tenth of the simulated ones

Real photos are looked for in ../shared/real_digits, or where --real says, and skipped with a word when absent.
"""

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from benchmarks.example_digits import WRITERS, writer_ink
from benchmarks.plausible import conditions
from benchmarks.simulate import TEN_ROWS, SimulatedSheet, save_photo, simulate_sheet
from toolkit.classes import DIGITS
from toolkit.data.sheet_layout import Layout
from toolkit.data.sheets import Judge, Reading, labels_of, read_photo
from toolkit.errors import ToolkitError
from toolkit.images.reading import read_grey
from toolkit.paths import ROOT

JUDGE = "mnist_cnn"  # tells which way up a photo is; the quickest convolutional one


def simulated(seed: int) -> dict[str, object]:
    """Cut one simulated photo; what was found, and under which conditions."""
    import torch

    from toolkit.experiments.cutting import judge_with

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    paper, pen, camera, layout = conditions(seed)
    sheet = simulate_sheet(writer_ink(seed % WRITERS), TEN_ROWS, paper, pen, camera, layout, seed)
    outcome: dict[str, object] = {
        "seed": seed,
        "paper": paper.kind,
        "digits": len(sheet.digits),
        "found": 0,
        "right": 0,
    }
    outcome["pencil"] = pen.darkness < 0.6
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "sheet.jpg"
        save_photo(sheet, photo)
        try:
            reading = read_photo(photo, None, judge_with(JUDGE))
        except ToolkitError as error:
            return outcome | {"refused": str(error)}
    outcome["found"] = count_found(reading, sheet, labelled=False)
    if reading.complaints:
        return outcome | {"refused": next(iter(reading.complaints.values()))}
    return outcome | {"refused": "", "right": count_found(reading, sheet, labelled=True)}


def count_found(reading: Reading, sheet: SimulatedSheet, labelled: bool) -> int:
    """How many digits lie in a frame of their own, and, if ``labelled``, in one with their label."""
    boxes = np.array(reading.boxes)
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    labels = labels_of(reading) if labelled else None
    taken: Counter[int] = Counter()
    for digit in sheet.digits:
        left, top, right, bottom = digit.box
        nearest = int(np.hypot(*(middles - digit.centre).T).argmin())
        near = max(abs(middles[nearest] - digit.centre)) < 0.35 * max(right - left, bottom - top)
        if near and (labels is None or labels[nearest] == digit.label):
            taken[nearest] += 1
    return len(taken)


def report_simulated(photos: int) -> None:
    """Print the table of simulated photos."""
    with ProcessPoolExecutor(2) as pool:
        outcomes = []
        for outcome in pool.map(simulated, range(photos)):
            outcomes.append(outcome)
            if sys.stderr.isatty():
                print(f"\r{len(outcomes)} of {photos}", end="", file=sys.stderr)
    print(f"\n{photos} simulated photos, seeds 0 to {photos - 1}\n")
    print("| paper | photos | digits found | found and rightly labelled | photos refused | wrong and not refused |")
    print("|---|---|---|---|---|---|")
    for name, kinds in (("all", ("plain", "ruled", "squared")), *((k, (k,)) for k in ("plain", "ruled", "squared"))):
        some = [outcome for outcome in outcomes if outcome["paper"] in kinds]
        if not some:
            continue
        digits = sum(o["digits"] for o in some)
        silent = sum(o["right"] != o["digits"] and not o["refused"] for o in some)
        refused = sum(bool(o["refused"]) for o in some)
        shares = [f"{100 * sum(o[key] for o in some) / digits:.2f} % of {digits:,}" for key in ("found", "right")]
        print(f"| {name} | {len(some)} | {shares[0]} | {shares[1]} | {refused} | {silent} |")
    for outcome in outcomes:
        if outcome["refused"] or outcome["right"] != outcome["digits"]:
            print(f"seed {outcome['seed']}: {outcome['refused'] or 'not refused'} ({outcome['found']} found)")


def read_real(folder: Path) -> dict[str, tuple[Reading, list[str]]]:
    """Every real photo with its rows as labelled by eye."""
    from toolkit.experiments.cutting import judge_with

    sheets = json.loads((folder / "labels.json").read_text())["sheets"]
    judge = judge_with(JUDGE)
    readings = {}
    for name, truth in sheets.items():
        layout = Layout(tuple(map(tuple, truth["rows"])))
        readings[name] = read_photo(folder / "sheets" / name, layout, judge), truth["rows"]
    return readings


def report_real(folder: Path) -> None:
    """Print the table of real photos, and what cutting is worth."""
    from toolkit.experiments.cutting import judge_with
    from toolkit.models.bundle import published_models

    readings = read_real(folder)
    print("\nReal photos and scans\n\n| photo | digits | found | not digits | rows as written |\n|---|---|---|---|---|")
    total, found_total, false_total = 0, 0, 0
    for name, (reading, rows) in readings.items():
        digits, found = sum(map(len, rows)), len(reading.images)
        total, found_total = total + digits, found_total + min(found, digits)
        false_total += max(0, found - digits)
        fits = "yes" if not reading.complaints else "no"
        print(f"| {name} | {digits} | {min(found, digits)} | {max(0, found - digits)} | {fits} |")
    print(f"| all | {total} | {found_total} ({100 * found_total / total:.1f} %) | {false_total} | |")

    alike = [name for name in readings if name.startswith("one_class_") or name == "vignetted_two_rows.jpg"]
    naive, naive_labels = read_naive(folder / "cut" / "naive_32x32")
    print("\nRead by published models as they are, without fine-tuning\n")
    print("| model | one_class_* and vignetted_two_rows, cut here | cut by a plain threshold | tablet_grid |")
    print("|---|---|---|---|")
    for model in published_models():
        judge = judge_with(model)
        cells = [_score(judge, *_pooled(readings, alike)), _score(judge, naive, naive_labels)]
        cells.append(_score(judge, *_pooled(readings, ["tablet_grid.png"])))
        print(f"| {model} | {' | '.join(cells)} |")


def read_naive(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The same writer's digits as he cut them himself, scaled to 28x28 with no further care."""
    images, labels = [], []
    for path in sorted(folder.glob("*/*.*")):
        grey = read_grey(path)
        dark_on_light = np.median(grey) > 127
        small = np.asarray(
            Image.fromarray(255 - grey if dark_on_light else grey).resize((28, 28), Image.Resampling.BICUBIC)
        )
        images.append(small)
        labels.append(path.parent.name)
    return np.stack(images)[:, None], np.array(labels)


def _pooled(readings: dict[str, tuple[Reading, list[str]]], names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    fitting = [readings[name][0] for name in names if not readings[name][0].complaints]
    return np.concatenate([r.images for r in fitting]), np.concatenate([labels_of(r) for r in fitting])


def _score(judge: Judge, images: np.ndarray, labels: np.ndarray) -> str:
    read = np.array(judge.classes)[judge.read(images).argmax(axis=1)]
    right = int((read == labels).sum())
    return f"{100 * right / len(labels):.1f} % ({right} of {len(labels)})"


def report_cost() -> None:
    """Print the time and memory of one photo of 12 megapixels."""
    paper, pen, camera, layout = conditions(9)
    sheet = simulate_sheet(writer_ink(0), TEN_ROWS, paper, pen, camera, layout, 9)
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "sheet.jpg"
        save_photo(sheet, photo)
        # a process of its own, so that nothing else counts
        command = [sys.executable, "-m", "benchmarks.sheets", "--cost", str(photo)]
        told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    print(f"\nOne photo of {sheet.photo.shape[0] * sheet.photo.shape[1] / 1e6:.1f} megapixels: {told}", end="")


def cost(photo: Path) -> None:
    """Print what reading, scanning and cutting a photo takes, without a model."""
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        read_photo(photo, None, Judge(lambda images: np.full((len(images), 10), 0.6), DIGITS))
        seconds.append(time.perf_counter() - started)
    peak = _peak_megabytes()
    spread = f"{min(seconds):.2f} to {max(seconds):.2f}"
    print(f"{np.median(seconds):.2f} s (median of 5, {spread}), {peak:.0f} MB at most, without a model")


def _peak_megabytes() -> float:
    """The most memory this process has held; ru_maxrss would count its parent's before it became this one."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.findall(r"VmHWM:\s+(\d+)", status.read_text())[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=300, help="how many simulated photos")
    parser.add_argument(
        "--real", type=Path, default=ROOT.parent / "shared" / "real_digits", help="folder of real photos"
    )
    parser.add_argument("--cost", type=Path, help="only measure this photo")
    options = parser.parse_args()
    if options.cost:
        cost(options.cost)
        return
    report_simulated(options.photos)
    if (options.real / "labels.json").exists():
        report_real(options.real)
    else:
        print(f"\nReal photos: skipped, {options.real} is not there.")
    report_cost()


if __name__ == "__main__":
    main()
