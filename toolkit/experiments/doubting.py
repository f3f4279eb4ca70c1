"""The labels of a large set that are likeliest wrong: listed, and drawn to be looked at."""

import sys
from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from toolkit.data.labelled_images import LabelledImages, together
from toolkit.evaluation.doubts import doubt_labels
from toolkit.models.bundle import load_model
from toolkit.models.last_layer import see_features
from toolkit.reporting.plots import plot_captioned

MODEL = "mnist_resnet"


def show_doubtful(parts: Mapping[str, LabelledImages], most: int) -> Figure:
    """Print and draw the ``most`` doubtful labels of all ``parts`` together, by the features of ``MODEL``."""
    images = together(list(parts.values()))
    if sys.stderr.isatty():
        print(f"{MODEL} looks at {len(images):,} images ...", file=sys.stderr)
    others, leads = doubt_labels(
        see_features(load_model(MODEL)[0], images.images)[1], images.labels, len(images.classes)
    )
    worst = np.argsort(-leads, kind="stable")[: min(most, (leads > 0).sum())].tolist()
    places = [(name, number + 1) for name, part in parts.items() for number in range(len(part))]
    said = [f"{images.name(i)}, more like {images.classes[others[i]]}" for i in worst]
    for i, doubt in zip(worst, said, strict=True):
        print("{} {:,}: {}".format(*places[i], doubt))
    captions = ["{} {:,}\n{}".format(*places[i], doubt) for i, doubt in zip(worst, said, strict=True)]
    return plot_captioned(images, worst, captions, f"The {len(worst)} labels of {len(images):,} most in doubt")
