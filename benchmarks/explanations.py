"""Does what `explain` marks lie where it must? ``python -m benchmarks.explanations``

Strokes are drawn that make one digit another: the bar of a 7, without which it is a 1, the arcs of an 8, else a 3, the
lid of a 9, else a 4; thin to thick, slanted both ways. How much of what speaks for the digit that was read, and against
the one without, lies on them? Asked of the published models, with MNIST's first 5,000 training images as the known
ones, and beside it of other methods: each baseline alone, gradient times pixel, occlusion. Needs MNIST, and takes
seven minutes on 2 CPU cores.
"""

from collections.abc import Sequence
from itertools import product

import cv2
import numpy as np
import torch
from captum.attr import InputXGradient, Occlusion
from torch import nn

from toolkit.data.mnist import load_mnist
from toolkit.evaluation.explaining import Known, explain, know
from toolkit.images.normal_form import normal_form
from toolkit.models.bundle import load_model
from toolkit.models.pixels import predict_logits

Strokes = list[list[tuple[float, float]]]
CANVAS = 280
MODELS = "mnist_mlp", "mnist_cnn", "mnist_resnet"
WIDTHS = 14, 18, 22, 26, 30, 34
SLANTS = -0.15, 0.0, 0.15, 0.3


def arc(x: float, y: float, width: float, height: float, begin: float, end: float) -> list[tuple[float, float]]:
    """A piece of an ellipse around (x, y), its ends in degrees."""
    angles = np.radians(np.linspace(begin, end, 40))
    return [*zip(x + width * np.cos(angles), y + height * np.sin(angles), strict=True)]


# strokes of a digit, and those which make it another one
ONE: Strokes = [[(150, 50), (130, 230)]]
BAR: Strokes = [[(60, 50), (150, 50)]]
THREE: Strokes = [arc(130, 95, 52, 45, -160, 80) + arc(130, 185, 58, 48, -80, 160)]
ARCS: Strokes = [arc(130, 95, 52, 45, 80, 200), arc(130, 185, 58, 48, 160, 280)]
FOUR: Strokes = [[(85, 55), (80, 130), (165, 130)], [(165, 55), (165, 230)]]
LID: Strokes = [[(85, 55), (165, 55)]]
CHANGES = {  # the digit, the one without them, and the strokes of both
    "bar of a 7, else a 1": ("7", "1", ONE, BAR),
    "arcs of an 8, else a 3": ("8", "3", THREE, ARCS),
    "lid of a 9, else a 4": ("9", "4", FOUR, LID),
}


def drawn(strokes: Strokes, width: int = 22, slant: float = 0.0) -> np.ndarray:
    """Strokes on a large canvas: uint8 (280, 280), ink bright on black."""
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    for stroke in strokes:
        points = np.array(stroke, float)
        points[:, 0] += slant * (CANVAS / 2 - points[:, 1])
        cv2.polylines(canvas, [np.round(points).astype(np.int32)], False, 255, width, cv2.LINE_AA)
    return canvas


def where(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Where a ``part`` lies in the normal form of the ``whole`` drawing, with a pixel around: bool (28, 28).

    The normal form only scales and shifts: the whole's box tells how. The part may reach beyond it.
    """
    top, bottom, left, right = _box(whole)
    scale = 20 / max(bottom - top, right - left)
    above, _, beside, _ = _box(normal_form(whole))
    shift = np.array([[scale, 0, beside - scale * left], [0, scale, above - scale * top]], np.float32)
    placed = cv2.warpAffine(cv2.GaussianBlur(part, (0, 0), 0.5 / scale), shift, (28, 28))
    return cv2.dilate(placed, np.ones((3, 3))) > 80


def _box(image: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero((image > 12).any(axis=1)), np.flatnonzero((image > 12).any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def share(attribution: np.ndarray, place: np.ndarray) -> float:
    """How much of what speaks for the answer lies at a place."""
    positive = np.clip(attribution, 0, None)
    return float(positive[place].sum() / positive.sum())


def attributions(
    network: nn.Module, classes: Sequence[str], image: np.ndarray, known: Known, against: str
) -> tuple[dict[str, np.ndarray], float]:
    """By method what every pixel of ``image`` said; and what the sum from a blank baseline lacks, in logits."""
    both = explain(network, classes, image, known, against)
    nobody = Known(known.images.take(np.arange(0)), known.features[:0])
    blank = explain(network, classes, image, nobody, against).attribution

    def margin(images: torch.Tensor) -> torch.Tensor:
        logits = network(images)
        return logits[:, both.answer] - logits[:, both.rival]

    pixels = torch.from_numpy(image.astype(np.float32))[None, None].requires_grad_()
    with torch.no_grad():
        lacking = float(margin(pixels) - margin(torch.zeros_like(pixels))) - float(blank.sum())
    others = {
        "gradient times pixel": InputXGradient(margin).attribute(pixels),
        "occlusion, 3x3 pixels": Occlusion(margin).attribute(pixels, sliding_window_shapes=(1, 3, 3)),
    }
    found = {"both baselines": both.attribution, "blank alone": blank}
    found["alike images alone"] = 2 * both.attribution - blank  # both are their mean
    return found | {name: values.detach()[0, 0].numpy() for name, values in others.items()}, abs(lacking)


def main() -> None:
    """Print the table, a column for every change and a number for every model."""
    images = load_mnist().training.take(np.arange(5000))
    shares: dict[tuple[str, str, str], list[float]] = {}
    lacking, sizes = [], []
    for name in MODELS:
        network, card = load_model(name)
        known = know(network, images)
        for (change, (digit, other, strokes, more)), width, slant in product(CHANGES.items(), WIDTHS, SLANTS):
            whole, part = (drawn(own, width, slant) for own in (strokes + more, strokes))
            image = normal_form(whole)
            if card.classes[int(predict_logits(network, image[None, None]).argmax())] != digit:
                continue
            place = where(cv2.subtract(whole, part), whole)
            found, left = attributions(network, card.classes, image, known, other)
            lacking.append(left)
            sizes.append(place.mean())
            for method, attribution in found.items():
                shares.setdefault((method, change, name), []).append(share(attribution, place))
    counts = [len(own) for own in shares.values()]
    print(f"{', '.join(MODELS)}; medians of {min(counts)} to {max(counts)} drawings; {np.mean(sizes):.0%} of the image")
    for method in dict.fromkeys(method for method, *_ in shares):
        cells = (", ".join(f"{np.median(shares[method, change, name]):.0%}" for name in MODELS) for change in CHANGES)
        print(f"{method:22} " + "   ".join(f"{change}: {cell}" for change, cell in zip(CHANGES, cells, strict=True)))
    middle = f"{np.median(lacking):.2f} logits (median of {len(lacking)})"
    print(f"The pixels' sum lacks {middle}, {max(lacking):.2f} at most")


if __name__ == "__main__":
    main()
