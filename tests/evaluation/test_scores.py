import math

import pytest
import torch

from toolkit.evaluation.scores import predict_logits, score, score_logits
from toolkit.models.bundle import load_model


@pytest.fixture
def perfect(examples):
    return torch.eye(10)[examples["Validation Set"].labels] * 50


def test_counts_accuracy_and_loss(examples, perfect):
    digits = examples["Validation Set"]
    logits = perfect.clone()
    logits[0] = torch.eye(10)[6] * 50  # a 0 read as 6
    scores = score_logits(logits, digits)
    assert (scores.correct, scores.n, scores.accuracy) == (19, 20, 0.95)
    assert scores.confusion[0][6] == 1
    assert scores.confusion[0][0] == 1
    assert scores.loss == pytest.approx(50 / 20, rel=1e-3)


def test_an_accuracy_is_never_said_without_its_n(examples, perfect):
    assert str(score_logits(perfect, examples["Validation Set"])) == ("100.0 % (20 of 20; 95 % interval 83.9-100.0 %)")


def test_guessing_costs_the_logarithm_of_ten(examples):
    assert score_logits(torch.zeros(20, 10), examples["Validation Set"]).loss == pytest.approx(math.log(10))


def test_scoring_leaves_the_model_as_it_was(small_model, examples):
    network, _ = load_model(small_model)
    network.train()
    first = predict_logits(network, examples["Validation Set"].images)
    assert network.training
    assert torch.equal(first, predict_logits(network, examples["Validation Set"].images))
    assert score(network, examples["Validation Set"]).n == 20
