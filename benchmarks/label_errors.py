"""Are wrong labels found? ``python -m benchmarks.label_errors``

Of 80 images, eight of each digit, by every writer of scikit-learn's digits (docs/data.md) and of the shipped Training
Set, five random labels are switched to another digit; then the labels that ``sheet check`` would doubt are counted.
"""

import argparse

import numpy as np

from benchmarks.example_digits import WRITERS, writer_digits
from benchmarks.writers import draw_per_class
from toolkit.data.image_sets import TRAINING_SET, read_all_sets
from toolkit.data.labelled_images import LabelledImages
from toolkit.evaluation.doubts import LEAD
from toolkit.images.likeness import doubt_labels
from toolkit.models.bundle import load_model, published_models
from toolkit.models.last_layer import see_features

IMAGES = 8  # of each digit


def switch_labels(images: LabelledImages, count: int, seed: int) -> tuple[LabelledImages, set[int]]:
    """``images`` with ``count`` random labels switched to another class, and the places of these."""
    draw = np.random.default_rng(seed)
    places = draw.choice(len(images), count, replace=False)
    labels, classes = images.labels.copy(), len(images.classes)
    labels[places] = (labels[places] + draw.integers(1, classes, count)) % classes
    return LabelledImages(images.images, labels, images.classes), set(places.tolist())


def main() -> None:
    """Print a row for every published model and set of writers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, help="random choices of labels for each writer")
    parser.add_argument("--switched", type=int, default=5, help="labels that are wrong; 0 counts false alarms alone")
    options = parser.parse_args()

    writers = {f"writer {number}": writer_digits(number) for number in range(WRITERS)}
    shipped = {"the shipped Training Set": read_all_sets()[TRAINING_SET]}
    enough = max(0, options.switched - 1)
    print(f"| model | images of | cases | found of {options.switched} | false | at least {enough} and at most 2 |")
    print("|---|---|---|---|---|---|")
    for name in published_models():
        network = load_model(name)[0]
        for title, sets in (("the 14 writers", writers), ("the shipped Training Set", shipped)):
            found, false = [], []
            for images in sets.values():
                drawn, _ = draw_per_class(images, IMAGES, 0)
                features = see_features(network, drawn.images)[1]
                for seed in range(options.seeds):
                    wrong, switched = switch_labels(drawn, options.switched, seed)
                    _, leads = doubt_labels(features, wrong.labels, len(wrong.classes))
                    doubted = set(np.flatnonzero(leads > LEAD).tolist())
                    found.append(len(doubted & switched))
                    false.append(len(doubted - switched))
            well = [own >= enough and other <= 2 for own, other in zip(found, false, strict=True)]
            print(
                f"| {name} | {title} | {len(well)} | {np.mean(found):.2f} | {np.mean(false):.2f} "
                f"| {100 * np.mean(well):.1f} % |",
                flush=True,
            )


if __name__ == "__main__":
    main()
