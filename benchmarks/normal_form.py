"""Does the normal form leave MNIST alone? ``python -m benchmarks.normal_form``

Puts MNIST's 10,000 test images through ``images.normal_form`` again and scores every published model on both.
"""

import numpy as np

from toolkit.data.labelled_images import LabelledImages
from toolkit.data.mnist import load_mnist
from toolkit.evaluation.scores import score
from toolkit.images.normal_form import normal_form
from toolkit.models.bundle import load_model, published_models


def main() -> None:
    """Print how many images stay the same and what each model's accuracy becomes."""
    test = load_mnist().test
    again = LabelledImages(
        np.stack([normal_form(image) for image in test.images[:, 0]])[:, None], test.labels, test.classes
    )
    change = np.abs(again.images.astype(int) - test.images)
    same = (change.max(axis=(1, 2, 3)) == 0).mean()
    print(f"{100 * same:.1f} % of {len(test):,} images byte for byte the same; mean change {change.mean():.3f} of 255")
    for name in published_models():
        network, _ = load_model(name)
        before, after = score(network, test), score(network, again)
        print(f"{name:14} before {before}   after {after}   change {100 * (after.accuracy - before.accuracy):+.2f}")


if __name__ == "__main__":
    main()
