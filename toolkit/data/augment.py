"""New views of the same digits: small shifts, turns, scalings, shears, elastic bends, and other pens.

Never flips: they turn 2 into 5 and 6 into 9. The elastic bend follows Simard, Steinkraus and Platt, "Best
practices for convolutional neural networks applied to visual document analysis", 2003, with a coarse
grid of random displacements in place of their Gaussian filter.
"""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

from toolkit.errors import ToolkitError

STRONGEST = 4.0
PAPER = 5  # grey level up to which a pixel is no ink


@dataclass(frozen=True)
class Augmentation:
    """Random distortion of every image in a batch, drawn from torch's global random state.

    Call it with pixels of shape (N, 1, 28, 28), uint8 or float in 0..255; it returns float32 of the same
    shape and range. Each field is a maximum, drawn uniformly, the first four in both directions.
    """

    degrees: float = 10.0
    shift: float = 1.5  # pixels
    scale: float = 0.1  # 0.1 draws factors from 0.9 to 1.1
    shear: float = 0.12  # horizontal, as a slope: handwriting slants
    bend: float = 0.8  # pixels, standard deviation of the elastic displacement
    blur: float = 0.0  # share of the image, smoothed over five pixels, that is mixed in
    redraw: float = 0.0  # share of images whose edges are drawn anew: harder, strokes thicker or thinner
    grain: float = 0.0  # grey levels, standard deviation of what is added to every pixel of ink

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        count, _, height, width = images.shape
        device = images.device

        def draw(limit: float) -> torch.Tensor:
            return torch.empty(count, device=device).uniform_(-limit, limit)

        def share() -> torch.Tensor:
            return torch.rand(count, 1, 1, 1, device=device)

        angle = draw(math.radians(self.degrees))
        size_x, size_y = 1 + draw(self.scale), 1 + draw(self.scale)
        shear = draw(self.shear)
        cos, sin = angle.cos(), angle.sin()
        # affine_grid maps output to input coordinates, in units of half the image
        to_x = torch.stack([cos / size_x, (shear * cos - sin) / size_y, draw(2 * self.shift / width)], 1)
        to_y = torch.stack([sin / size_x, (shear * sin + cos) / size_y, draw(2 * self.shift / height)], 1)
        grid = functional.affine_grid(torch.stack([to_x, to_y], 1), [count, 1, height, width], align_corners=False)
        if self.bend:
            # knots 7 pixels apart: strokes bend smoothly, their ends are not torn
            knots = torch.randn(count, 2, 5, 5, device=device) * (2 * self.bend / width)
            # all that bends is linear in its knots: on a GPU a product is quicker, on a CPU other in its last bits
            each = torch.eye(25, device=device).view(25, 1, 5, 5) if device.type == "cuda" else knots
            field = functional.interpolate(each, size=(height, width), mode="bicubic", align_corners=True)
            if device.type == "cuda":
                field = (knots.flatten(2) @ field.flatten(1)).view(count, 2, height, width)
            grid = grid + field.permute(0, 2, 3, 1)
        drawn = functional.grid_sample(images.float(), grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        if self.blur:
            smooth = functional.avg_pool2d(functional.avg_pool2d(drawn, 3, 1, 1), 3, 1, 1)
            drawn = drawn.lerp(smooth, min(self.blur, 1.0) * share())
        if self.redraw:
            # ink begins at a third to more than half of full grey; how steeply an edge rises is drawn from 2 to 12
            level, steepness = draw(0.12).view(-1, 1, 1, 1) + 0.45, 2 * 6 ** share()
            none, full = (torch.sigmoid(steepness * (grey - level)) for grey in (0, 1))
            anew = (torch.sigmoid(steepness * (drawn / 255 - level)) - none) * (255 / (full - none))
            drawn = torch.where(share() < self.redraw, anew, drawn)
        if self.grain:
            grainy = (drawn + self.grain * torch.randn_like(drawn) * (drawn > PAPER)).clamp_(0, 255)
            drawn = grainy * (255 / grainy.amax((2, 3), keepdim=True).clamp_(min=85))  # the brightest is white again
        return drawn


USUAL = Augmentation()
# what MNIST lacks to stand for any hand and pen: chosen on held-out images and half of the writers (docs/record.md)
ANY_HAND = Augmentation(degrees=6.0, scale=0.06, shear=0.3, bend=0.4, blur=1.0, redraw=0.5, grain=38.0)


def augmentation(strength: float, usual: Augmentation = USUAL) -> Augmentation | None:
    """The ``usual`` distortion with every amount multiplied by ``strength``; ``None`` for 0.

    Raises ``ToolkitError`` outside 0 to ``STRONGEST``: beyond, scaling would come near zero and mirror digits.
    """
    if not 0 <= strength <= STRONGEST:
        raise ToolkitError(f"Augmentation of strength {strength} leaves no digits. Choose 0 (none) to {STRONGEST}.")
    return Augmentation(*(strength * amount for amount in vars(usual).values())) if strength else None
