from dataclasses import replace

import pytest
import torch

from toolkit.errors import ToolkitError
from toolkit.models import build_model
from toolkit.models.averaged import Averaged, load_averaged
from toolkit.models.bundle import load_model, save_model


@pytest.fixture
def images(examples):
    return torch.from_numpy(examples["Test Set"].images)


def test_the_mean_of_probabilities_is_taken(images):
    torch.manual_seed(0)
    networks = [build_model("mlp", 10, hidden=[8]).eval() for _ in range(2)]
    averaged = Averaged(networks, views=False)(images).softmax(1)
    assert torch.allclose(averaged, sum(network(images).softmax(1) for network in networks) / 2, atol=1e-6)


def test_five_views_are_an_image_and_its_four_shifts(images):
    torch.manual_seed(0)
    network = build_model("mlp", 10, hidden=[8]).eval()
    shifts = [(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)]
    views = [network(images.roll(shift, (2, 3))).softmax(1) for shift in shifts]
    assert torch.allclose(Averaged([network])(images).softmax(1), sum(views) / 5, atol=1e-6)


def test_models_are_named_with_commas(images):
    network, card = load_averaged("mnist_mlp, mnist_cnn", views=True)
    assert card.name == "mnist_mlp and mnist_cnn"
    assert card.weights_sha256.split(",") == [load_model(name)[1].weights_sha256 for name in ("mnist_mlp", "mnist_cnn")]
    assert card.calibration == {}
    assert len(network.networks) == 2
    with torch.inference_mode():
        assert network(images).argmax(1).shape == (len(images),)


def test_one_model_stays_as_it_is(images):
    network, card = load_averaged("mnist_mlp", views=False)
    alone, same = load_model("mnist_mlp")
    assert card == same
    assert torch.equal(network(images), alone(images))


def test_models_of_other_classes_are_not_averaged(small_model, tmp_path):
    network, card = load_model(small_model)
    save_model(tmp_path / "letters", network, replace(card, classes=list("ABCDEFGHIJ")))
    with pytest.raises(ToolkitError, match="different classes"):
        load_averaged(f"{small_model},{tmp_path / 'letters'}", views=False)
