import threading
from functools import cache

import cv2
import numpy as np
import pytest
import torch

from benchmarks.explanations import ARCS, BAR, FOUR, LID, ONE, THREE, drawn, share, where
from toolkit.classes import DIGITS
from toolkit.data.image_sets import load_sets
from toolkit.data.labelled_images import LabelledImages
from toolkit.errors import ToolkitError
from toolkit.evaluation.explaining import explain, know
from toolkit.images.normal_form import normal_form
from toolkit.models import build_model
from toolkit.models.bundle import load_model, published_models
from toolkit.training.seeds import seed_everything


@cache
def loaded(model):
    network, card = load_model(model)
    return network, card.classes, know(network, load_sets().training)


@pytest.mark.parametrize(("width", "slant"), [(16, 0.0), (22, 0.15), (30, 0.3), (22, -0.15)])
@pytest.mark.parametrize("model", published_models())
def test_the_bar_that_makes_a_one_a_seven_speaks_for_the_seven(model, width, slant):
    network, classes, known = loaded(model)
    seven, one = drawn(ONE + BAR, width, slant), drawn(ONE, width, slant)
    explained = explain(network, classes, normal_form(seven), known, against="1")
    assert classes[explained.answer] == "7"
    assert classes[explain(network, classes, normal_form(one), known).answer] == "1"
    bar = where(cv2.subtract(seven, one), seven)
    assert bar.mean() < 0.1
    assert share(explained.attribution, bar) > 0.5


@pytest.mark.parametrize("slant", [0.0, 0.2])
@pytest.mark.parametrize(("strokes", "more", "names"), [(THREE, ARCS, "38"), (FOUR, LID, "49")], ids=["3 8", "4 9"])
@pytest.mark.parametrize("model", published_models())
def test_strokes_that_close_a_digit_speak_more_than_their_share_of_the_ink(model, strokes, more, names, slant):
    network, classes, known = loaded(model)
    open_one, closed = drawn(strokes, slant=slant), drawn(strokes + more, slant=slant)
    explained = explain(network, classes, normal_form(closed), known, against=names[0])
    assert classes[explained.answer] == names[1]
    closing = where(cv2.subtract(closed, open_one), closed)
    assert share(explained.attribution, closing) > 1.25 * closing[explained.image > 0].mean()


@pytest.mark.parametrize("slant", [0.0, 0.15])
@pytest.mark.parametrize("model", published_models())
def test_a_bar_that_is_missing_speaks_for_the_one(model, slant):
    network, classes, known = loaded(model)
    one, bar = drawn(ONE, slant=slant), drawn(BAR, slant=slant)
    explained = explain(network, classes, normal_form(one), known, against="7")
    absent = where(bar, one) & (explained.image == 0)
    blank = explained.image == 0
    assert classes[explained.answer] == "1"
    assert explained.attribution[absent].mean() > 2.5 * np.abs(explained.attribution[blank & ~absent]).mean()


@pytest.mark.parametrize("model", published_models())
def test_all_pixels_together_are_the_margin_less_that_of_the_baseline(model, examples):
    network, classes, _ = loaded(model)
    nothing = know(network, examples["Training Set"].take(np.arange(1)))  # a 0, never the rival here
    for image in examples["Validation Set"].images[4:10, 0]:
        explained = explain(network, classes, image, nothing)
        with torch.inference_mode():
            logits = network(torch.from_numpy(np.stack([image, np.zeros_like(image)])[:, None]))
        margins = logits[:, explained.answer] - logits[:, explained.rival]
        assert explained.attribution.sum() == pytest.approx(float(margins[0] - margins[1]), abs=1.3)
        assert not explained.attribution[image == 0].any()


def test_a_training_image_is_nearest_to_itself(examples):
    network, classes, _ = loaded("mnist_resnet")
    digits = examples["Training Set"]
    explained = explain(network, classes, digits.images[33, 0], know(network, digits))
    assert explained.places[0] == 33
    assert explained.similarities[0] == pytest.approx(1, abs=1e-5)
    assert explained.similarities.tolist() == sorted(explained.similarities.tolist(), reverse=True)
    assert explained.nearest.labels.tolist() == digits.labels[explained.places].tolist()
    assert explained.as_record()["nearest"][0]["class"] == "4"
    assert str(explained).startswith("read as 4, its logit")


def test_without_ink_or_with_a_rival_that_is_none_nothing_is_explained(examples):
    network, classes, known = loaded("mnist_mlp")
    four = examples["Training Set"].images[33, 0]
    with pytest.raises(ToolkitError, match="no ink"):
        explain(network, classes, np.zeros_like(four), known)
    for against in ("4", "A"):
        with pytest.raises(ToolkitError, match=f"4 was read, which cannot be held against '{against}'"):
            explain(network, classes, four, known, against)


def test_two_classes_and_images_of_others_do(examples):
    seed_everything(0)
    network = build_model("timm:test_resnet", classes=2).train()
    classes = ["tree", "house"]
    digits = examples["Training Set"]
    explained = explain(network, classes, digits.images[8, 0], know(network, digits))
    assert {explained.answer, explained.rival} == {0, 1}
    assert explained.nearest.classes == DIGITS
    assert len(explained.nearest) == 5
    assert network.training
    assert all(parameter.grad is None for parameter in network.parameters())


def test_what_the_network_reads_for_someone_else_meanwhile_is_left_out(examples):
    digits = examples["Training Set"]
    network = build_model("mlp", hidden=(8,)).eval()
    known = know(network, digits)
    mine = digits.images[5, 0]

    def read_another(*_):
        another = threading.Thread(target=network, args=[torch.from_numpy(digits.images[40:42])])
        hook.remove()
        another.start()
        another.join()

    hook = network.pixels.register_forward_hook(read_another)
    assert explain(network, DIGITS, mine, known).places[0] == 5
    assert not network.get_classifier()._forward_pre_hooks


def test_few_images_are_all_near():
    network = build_model("mlp", hidden=(8,)).eval()
    image = normal_form(drawn(ONE))
    few = LabelledImages(image[None, None], np.zeros(1, np.int64), ("one", "other"))
    assert explain(network, DIGITS, image, know(network, few)).nearest.name(0) == "one"
