import numpy as np
import pytest
import torch
from torch import nn

from toolkit.evaluation.calibration import calibrate, calibration_error, fit_temperature, reliability
from toolkit.models import build_model
from toolkit.models.pixels import predict_logits


def answers(count, sharpness, seed=0):
    """Logits that are right as often as they say, made ``sharpness`` times as sure, and the labels."""
    random = torch.Generator().manual_seed(seed)
    honest = 2 * torch.randn(count, 5, generator=random)
    labels = torch.multinomial(honest.softmax(1), 1, generator=random)[:, 0]
    return honest * sharpness, labels


@pytest.mark.parametrize("sharpness", [0.5, 3.0])
def test_the_temperature_undoes_what_made_the_answers_too_sure_or_unsure(sharpness):
    logits, labels = answers(4000, sharpness)
    temperature, (low, high) = fit_temperature(logits, labels)
    assert low < sharpness < high
    assert temperature == pytest.approx(sharpness, rel=0.1)
    assert calibration_error(logits / temperature, labels) < 0.3 * calibration_error(logits, labels)


def test_twenty_right_answers_show_no_model_to_be_sure_of_more_than_so_many_can():
    logits = torch.full((20, 10), -3.0)
    labels = torch.arange(20) % 10
    logits[torch.arange(20), labels] = 3.0
    temperature, _ = fit_temperature(logits, labels)
    assert (logits / temperature).softmax(1).max().item() == pytest.approx(21 / 22, abs=0.01)


def test_calibrating_changes_how_sure_a_model_is_and_none_of_its_answers(examples):
    torch.manual_seed(0)
    network = build_model("mlp", 10, hidden=[8]).eval()
    images = examples["Training Set"].images.repeat(3, axis=0)
    before = predict_logits(network, images)
    labels = before.argmax(1).numpy()
    found, logits = calibrate(network, before, labels)
    assert found.temperature < 1  # all are right, and the new network hardly dares to say so
    assert found.interval_95[1] < 1
    assert torch.allclose(predict_logits(network, images), logits, atol=1e-4)
    assert (logits.argmax(1).numpy() == labels).all()
    assert (found.n, found.wrong_sure) == (len(images), 0)
    assert found.error < found.error_before


@pytest.mark.parametrize(("count", "sharpness"), [(199, 3.0), (250, 1.0)])
def test_few_images_and_a_fitting_temperature_leave_the_model_as_it_is(count, sharpness):
    logits, labels = answers(count, sharpness)
    network = build_model("mlp", 5, hidden=[8])
    weights = network.output.weight.clone()
    found, same = calibrate(network, logits, labels.numpy())
    assert found.temperature == 1
    assert (found.interval_95[0] < 1 < found.interval_95[1]) == (sharpness == 1)
    assert (found.least_evidence is None) == (count == 199)
    assert torch.equal(network.output.weight, weights)
    assert torch.equal(same, logits)


def test_a_network_without_a_linear_last_layer_is_measured_as_it_is():
    logits, labels = answers(500, 3.0)
    found, same = calibrate(nn.Flatten(), logits, labels.numpy())
    assert found.temperature == 1
    assert torch.equal(same, logits)


def test_a_last_layer_without_bias_is_calibrated_as_well():
    logits, labels = answers(500, 3.0)
    network = build_model("mlp", 5, hidden=[8])
    network.output = nn.Linear(8, 5, bias=False)
    weights = network.output.weight.clone()
    found, scaled = calibrate(network, logits, labels.numpy())
    assert torch.allclose(network.output.weight * found.temperature, weights)
    assert torch.allclose(scaled * found.temperature, logits)


def test_the_counts_say_who_is_sure_and_who_is_none_of_the_classes():
    logits, labels = answers(1000, 1.0)
    found, scaled = calibrate(nn.Flatten(), logits, labels.numpy())
    chances = scaled.softmax(1).numpy()
    wrong = chances.argmax(1) != labels.numpy()
    assert found.sure == (chances.max(1) >= 0.75).sum()
    assert found.wrong_sure == (wrong & (chances.max(1) >= 0.75)).sum() < wrong.sum()
    assert found.false_alarms == (scaled.amax(1) - scaled.mean(1) < found.least_evidence).sum() <= 5


def test_reliability_sorts_answers_by_how_sure_they_are():
    logits = torch.log(torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4]]))
    bins = reliability(logits, torch.tensor([0, 1, 0]))
    assert bins.shape == (15, 3)
    assert np.allclose(bins[13], [2, 0.9, 0.5])
    assert np.allclose(bins[9], [1, 0.6, 1.0])
    assert calibration_error(logits, torch.tensor([0, 1, 0])) == pytest.approx((2 * 0.4 + 0.4) / 3)
