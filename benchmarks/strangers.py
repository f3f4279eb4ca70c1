"""How published models read people they have never seen, and what they say of it. ``python -m benchmarks.strangers``

No fine-tuning. MNIST's test images; 15 writers (benchmarks.writers); digits on a tablet and on photos of paper, where
../shared/real_digits holds them. Then what the models' probabilities are worth there, and what they take for none of
their classes: letters of matplotlib's fonts that look like no digit, and scribbles, one smooth line through random
points. "averaged" is the mean of all models' probabilities, "five views" reads each image shifted as well.
"""

from collections.abc import Mapping
from pathlib import Path

import matplotlib
import numpy as np
import torch
import typer
from PIL import Image, ImageDraw, ImageFont
from scipy.interpolate import splev, splprep
from torch import nn

from benchmarks.example_digits import WRITERS, writer_digits
from benchmarks.sheets import read_real
from benchmarks.writers import DRAWN, load_drawn
from toolkit.classes import DIGITS
from toolkit.data.labelled_images import LabelledImages
from toolkit.data.mnist import load_mnist
from toolkit.data.sheets import labels_of
from toolkit.evaluation.calibration import SURE, calibration_error, evidence
from toolkit.evaluation.scores import predict_logits
from toolkit.images.normal_form import normal_form
from toolkit.models.averaged import Averaged
from toolkit.models.bundle import load_model, published_models
from toolkit.paths import ROOT

REAL = ROOT.parent / "shared/real_digits"
LETTERS = "ACDEFHJKLMNPRTUVWXYadefhkmnprtuwxy"
FONTS = ("DejaVuSans", "DejaVuSerif", "STIXGeneral", "cmr10", "cmtt10")
SCRIBBLES = 1000


def collections() -> dict[str, list[LabelledImages]]:
    """Digits by where they come from, each with its parts: writers, photos."""
    writers = [writer_digits(number) for number in range(WRITERS)]
    if (DRAWN / "dataset.csv").exists():
        writers.append(load_drawn(DRAWN))
    found = {"MNIST": [load_mnist().test], "writers": writers}
    if (REAL / "labels.json").exists():
        photos = {}
        for name, (reading, _) in read_real(REAL).items():
            labels = np.array([int(label) for label in labels_of(reading)], np.int64)
            photos[name] = LabelledImages(reading.images, labels, DIGITS)
        found["tablet"] = [photos.pop("tablet_grid.png")]
        found["photos"] = list(photos.values())
    return found


def letters() -> np.ndarray:
    """Letters in normal form, (N, 1, 28, 28)."""
    images = []
    for path in sorted(Path(matplotlib.get_data_path()).glob("fonts/ttf/*.ttf")):
        if path.stem.startswith(FONTS):
            font = ImageFont.truetype(str(path), 120)
            for letter in LETTERS:
                canvas = Image.new("L", (260, 260))
                ImageDraw.Draw(canvas).text((60, 40), letter, fill=255, font=font)
                if canvas.getbbox():  # not every font has every letter
                    images.append(normal_form(np.asarray(canvas)))
    return np.stack(images)[:, None]


def scribbles() -> np.ndarray:
    """Smooth lines through 5 to 13 random points in normal form, (N, 1, 28, 28)."""
    draw, images = np.random.default_rng(0), []
    for _ in range(SCRIBBLES):
        canvas = Image.new("L", (200, 200))
        spline, _ = splprep(draw.uniform(20, 180, (2, draw.integers(5, 14))), s=0)
        line = np.stack(splev(np.linspace(0, 1, 400), spline), axis=1)
        width = int(draw.integers(6, 14))
        ImageDraw.Draw(canvas).line([tuple(point) for point in line], fill=255, width=width, joint="curve")
        images.append(normal_form(np.asarray(canvas)))
    return np.stack(images)[:, None]


def share(part: np.ndarray | torch.Tensor) -> str:
    """Of all, in percent."""
    return f"{100 * float(np.asarray(part, float).mean()):.2f} %"


def report_reading(networks: Mapping[str, nn.Module], digits: Mapping[str, list[LabelledImages]]) -> None:
    """A row for every network: right answers, and those of the worst writer."""
    print("\n| reads | " + " | ".join(f"{n} ({sum(map(len, parts)):,})" for n, parts in digits.items()) + " | worst |")
    print("|---|" + "---|" * (len(digits) + 1))
    for name, network in networks.items():
        right = {
            key: [predict_logits(network, part.images).argmax(1).numpy() == part.labels for part in parts]
            for key, parts in digits.items()
        }
        # every writer counts the same, as does every digit on photos
        cells = [
            share([own.mean() for own in r] if key == "writers" else np.concatenate(r)) for key, r in right.items()
        ]
        print(f"| {name} | " + " | ".join(cells) + f" | {share(min(own.mean() for own in right['writers']))} |")


def report_sureness(digits: Mapping[str, list[LabelledImages]]) -> None:
    """A row for every model and collection: calibration error, unsure answers, mistakes among the others, none."""
    others = {"letters": letters(), "scribbles": scribbles()}
    print(
        f"\n| model | images | calibration error | below {SURE} | misread above | taken for none |\n" + "|---" * 6 + "|"
    )
    for model in published_models():
        network, card = load_model(model)
        for name, parts in digits.items():
            labels = torch.from_numpy(np.concatenate([part.labels for part in parts]))
            logits = predict_logits(network, np.concatenate([part.images for part in parts]))
            chances, answers = logits.softmax(1).max(1)
            sure, wrong = chances >= SURE, answers != labels
            none = evidence(logits) < card.least_evidence
            print(
                f"| {model} | {name} ({len(labels):,}) | {100 * calibration_error(logits, labels):.2f} % | "
                f"{share(~sure)} | {share(wrong[sure])} ({int((wrong & sure).sum())}) | {share(none)} |"
            )
        for name, images in others.items():
            logits = predict_logits(network, images)
            sure = logits.softmax(1).amax(1) >= SURE
            none = evidence(logits) < card.least_evidence
            print(
                f"| {model} | {name} ({len(images):,}) | | {share(~sure)} | | "
                f"{share(none)}, or unsure {share(none | ~sure)} |"
            )


def main() -> None:
    """Print both tables."""
    digits = collections()
    models = {name: load_model(name)[0] for name in published_models()}
    networks: dict[str, nn.Module] = {**models, "averaged": Averaged(list(models.values()), views=False)}
    networks |= {f"{name}, five views": Averaged([network]) for name, network in models.items()}
    networks["averaged, five views"] = Averaged(list(models.values()))
    report_reading(networks, digits)
    report_sureness(digits)


if __name__ == "__main__":
    typer.run(main)
