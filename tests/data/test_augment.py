from dataclasses import replace

import pytest
import torch

from toolkit.data.augment import ANY_HAND, PAPER, Augmentation, augmentation
from toolkit.errors import ToolkitError

NOTHING = Augmentation(0, 0, 0, 0, 0)


@pytest.fixture
def images(examples):
    return torch.from_numpy(examples["Training Set"].images)


def test_no_distortion_leaves_images_as_they_are(images):
    assert torch.allclose(NOTHING(images), images.float(), atol=0.05)


@pytest.mark.parametrize("usual", [Augmentation(), ANY_HAND])
def test_shape_range_and_ink_are_kept(images, usual):
    torch.manual_seed(0)
    distorted = usual(images)
    assert distorted.shape == images.shape
    assert distorted.dtype == torch.float32
    assert distorted.min() >= 0
    assert distorted.max() <= 255.01  # bilinear weights add up to one but for rounding
    ink = distorted.sum((1, 2, 3)) / images.float().sum((1, 2, 3))
    assert ink.min() > 0.4
    assert ink.max() < 2
    assert distorted.amax((1, 2, 3)).min() > 150


def test_images_of_a_batch_are_distorted_differently(images):
    torch.manual_seed(0)
    same = images[:1].expand(8, 1, 28, 28)
    distorted = Augmentation()(same)
    assert len({image.numpy().tobytes() for image in distorted}) == 8


def test_digits_are_never_mirrored(images):
    """A distorted digit stays nearer to itself than to its mirror images."""
    torch.manual_seed(0)
    seven = images[56:64].float()
    distorted = Augmentation()(seven)

    def distance(other):
        return (distorted - other).abs().mean()

    assert distance(seven) < distance(seven.flip(3))
    assert distance(seven) < distance(seven.flip(2))


def test_blurred_strokes_keep_their_ink_and_lose_their_edges(images):
    blurred = replace(NOTHING, blur=1.0)(images)
    steepest = [image.diff(dim=3).abs().amax((1, 2, 3)) for image in (images.float(), blurred)]
    assert blurred.sum() == pytest.approx(images.sum().item(), rel=0.01)
    assert (steepest[1] < steepest[0]).all()
    assert steepest[1].mean() < 0.8 * steepest[0].mean()


def test_edges_drawn_anew_make_strokes_thicker_or_thinner(images):
    torch.manual_seed(0)
    redrawn = replace(NOTHING, redraw=1.0)(images)
    ratio = (redrawn > 127).sum((1, 2, 3)) / (images > 127).sum((1, 2, 3))
    assert ratio.min() < 0.97
    assert ratio.max() > 1.03
    assert redrawn[images == 0].max() < 1
    assert redrawn[images == 255].min() > 254


def test_grain_lies_on_ink_alone(images):
    grainy = replace(NOTHING, grain=38.0)(images)
    paper = NOTHING(images) <= PAPER
    assert grainy[paper].max() < 2 * PAPER
    assert (grainy - images)[~paper].std() > 15


def test_strength_scales_every_amount():
    assert augmentation(0.5) == Augmentation(*(value / 2 for value in vars(Augmentation()).values()))
    assert augmentation(2.0, ANY_HAND) == Augmentation(*(2 * value for value in vars(ANY_HAND).values()))
    assert augmentation(0.0) is None


@pytest.mark.parametrize("strength", [-1.0, 5.0, float("nan")])
def test_a_strength_that_leaves_no_digits_is_refused(strength):
    with pytest.raises(ToolkitError, match="Choose 0"):
        augmentation(strength)


def test_a_shift_moves_by_so_many_pixels(images, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "uniform_", lambda tensor, low, high: tensor.fill_(high))
    shifted = Augmentation(0, 2, 0, 0, 0)(images)
    assert torch.allclose(shifted[:, :, :-2, :-2], images.float()[:, :, 2:, 2:], atol=0.5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_distorts_as_a_cpu_does(images, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "uniform_", lambda tensor, low, high: tensor.fill_(high))
    knots = torch.randn(len(images), 2, 5, 5)
    monkeypatch.setattr(torch, "randn", lambda *shape, device: knots.to(device))
    on_gpu = Augmentation()(images.cuda()).cpu()
    assert (on_gpu - Augmentation()(images)).abs().max() < 0.5
