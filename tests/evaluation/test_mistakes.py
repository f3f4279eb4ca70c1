import numpy as np
import pytest
import torch
from torch import nn

from toolkit.data.labelled_images import LabelledImages
from toolkit.evaluation.mistakes import find_mistakes
from toolkit.models import build_model
from toolkit.models.bundle import load_model
from toolkit.reporting.explanation_plots import plot_mistakes

CLASSES = ("top", "bottom", "other")


class Halves(nn.Module):
    """Reads "top" or "bottom", whichever half has more ink."""

    def __init__(self):
        super().__init__()
        self.output = nn.Linear(2, 3, bias=False)
        self.output.weight.data = torch.tensor([[0.01, 0.0], [0.0, 0.01], [0.0, 0.0]])

    def forward(self, images):
        rows = images.float().mean(dim=(1, 3))
        return self.output(torch.stack([rows[:, :14].mean(1), rows[:, 14:].mean(1)], 1))

    def get_classifier(self):
        return self.output

    def reset_classifier(self, num_classes):
        raise NotImplementedError


def inked(*halves: str) -> LabelledImages:
    """Images called "other" or as their half, which the ink is in."""
    images = np.zeros((len(halves), 1, 28, 28), np.uint8)
    for number, half in enumerate(halves):
        top = 2 if half.startswith("top") else 16
        images[number, 0, top : top + 8, 4:24] = 255 - 20 * number
    labels = [2 if half.endswith("!") else CLASSES.index(half) for half in halves]
    return LabelledImages(images, np.array(labels, np.int64), CLASSES)


def test_mistakes_are_counted_by_pair_the_commonest_first_and_surest_first():
    found = find_mistakes(Halves(), inked("top", "top!", "bottom!", "bottom!", "bottom"))
    assert found.n == 5
    assert found.pairs == [("other", "bottom", 2, 3), ("other", "top", 1, 3)]
    assert [one.classes[one.answer] for one in found.explained] == ["bottom", "bottom", "top"]
    assert found.explained[0].image.max() > found.explained[1].image.max()
    assert all(one.classes[one.rival] == "other" for one in found.explained)
    assert all(1 / 3 < chance < 1 for chance in found.sure)


@pytest.mark.parametrize(("half", "place"), [("top", "upper half"), ("bottom", "lower half")])
def test_the_ink_that_misleads_is_found_where_it_lies(half, place):
    found = find_mistakes(Halves(), inked("top", "bottom", f"{half}!"))
    where, share = found.where("other", half)
    assert where == place
    assert share > 0.9


def test_a_model_without_mistakes_and_one_that_cannot_be_explained(examples):
    assert find_mistakes(Halves(), inked("top", "bottom")).pairs == []
    network = build_model("mlp", hidden=(8,))
    network.output = nn.Sequential(network.output)
    found = find_mistakes(network, examples["Validation Set"])
    assert found.pairs
    assert found.explained == []


def test_of_equal_mistakes_only_the_first_are_drawn(examples):
    network, _ = load_model("mnist_mlp")
    one, *_ = find_mistakes(network, examples["Training Set"]).explained
    assert len([axes for axes in plot_mistakes([one] * 9).axes if axes.images]) == 2 * 4
