import numpy as np
import pytest
import torch

from toolkit.evaluation.similarity import group_features, linear_cka
from toolkit.models import build_model
from toolkit.models.pixels import predict_logits


def features(seed: int, count: int = 20, width: int = 300) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def test_features_are_alike_whatever_their_scale_place_and_rotation():
    rotation, _ = torch.linalg.qr(features(1, 300))
    assert linear_cka(features(0), 3 * features(0) @ rotation + 5) == pytest.approx(1, abs=1e-5)
    assert linear_cka(features(0), features(0)) == 1


def test_the_more_they_differ_the_less_they_are_alike():
    found = [linear_cka(features(0), features(0) + noise * features(1)) for noise in (0.1, 0.5, 1, 3)]
    assert found == sorted(found, reverse=True)
    assert 0.9 < found[0] < 1


def test_features_that_have_nothing_in_common_are_near_zero_even_of_few_images():
    found = [linear_cka(features(seed), features(seed + 1)) for seed in range(0, 40, 2)]
    assert abs(np.mean(found)) < 0.05


def test_few_images_are_refused_and_constant_features_are_a_number():
    with pytest.raises(ValueError, match="3 images are too few"):
        linear_cka(features(0, 3), features(1, 3))
    assert linear_cka(torch.ones(5, 2), torch.ones(5, 2)) == 1
    assert linear_cka(torch.ones(5, 2), features(0, 5)) == 0


@pytest.mark.parametrize("architecture", ["mlp", "cnn", "resnet"])
def test_every_group_is_seen_as_the_next_one_is_given_it(architecture, examples):
    network = build_model(architecture)
    images = examples["Validation Set"].images[:4]
    found = group_features(network, images)
    *inner, last = found
    assert len(inner) >= 2
    assert torch.equal(found[last], predict_logits(network, images))
    assert all(found[name].shape[0] == 4 for name in inner)
    assert all(bool((found[name] >= 0).all()) for name in inner)  # after their ReLU
    assert not any(module._forward_pre_hooks for module in network.modules())
