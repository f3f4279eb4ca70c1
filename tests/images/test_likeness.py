import numpy as np
import pytest
from sklearn.linear_model import Ridge

from benchmarks.example_digits import writer_digits
from toolkit.images.likeness import RIDGE, doubt_labels


def test_an_image_is_of_the_class_that_others_say_mostly():
    digits = writer_digits(0)
    likeliest, _ = doubt_labels(digits.images.reshape(len(digits), -1), digits.labels, 10)
    assert (likeliest == digits.labels).mean() > 0.9


def test_each_image_is_judged_as_if_the_models_had_been_fitted_without_it():
    rng = np.random.default_rng(0)
    labels = np.arange(12) % 3
    features = rng.normal(size=(12, 5)) + labels[:, None]
    others, leads = doubt_labels(features, labels, 3)
    scaled = features / np.sqrt(((features - features.mean(axis=0)) ** 2).sum() / 12)
    for number in range(12):
        rest = np.arange(12) != number
        (scores,) = Ridge(RIDGE).fit(scaled[rest], np.eye(3)[labels[rest]]).predict(scaled[[number]])
        assert others[number] == scores.argmax()
        assert leads[number] == pytest.approx(scores.max() - scores[labels[number]])


def test_a_label_without_a_second_image_is_not_doubted():
    features, labels = np.eye(3)[[0, 0, 0, 1, 1]], np.array([0, 0, 2, 1, 1])
    assert doubt_labels(features, labels, 3)[1][2] == -np.inf
    assert doubt_labels(features, np.array([0, 0, 1, 1, 1]), 3)[1][2] > 0.3
    assert doubt_labels(np.zeros((2, 4)), np.array([0, 0]), 1)[1].max() <= 0.3
