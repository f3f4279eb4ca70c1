"""New views of the same digits: small shifts, turns, scalings, shears and elastic bends.

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


@dataclass(frozen=True)
class Augmentation:
    """Random distortion of every image in a batch, drawn from torch's global random state.

    Call it with pixels of shape (N, 1, 28, 28), uint8 or float in 0..255; it returns float32 of the same
    shape and range. Each field is a maximum, drawn uniformly in both directions.
    """

    degrees: float = 10.0
    shift: float = 1.5  # pixels
    scale: float = 0.1  # 0.1 draws factors from 0.9 to 1.1
    shear: float = 0.12  # horizontal, as a slope: handwriting slants
    bend: float = 0.8  # pixels, standard deviation of the elastic displacement

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        count, _, height, width = images.shape
        device = images.device

        def draw(limit: float) -> torch.Tensor:
            return torch.empty(count, device=device).uniform_(-limit, limit)

        angle = draw(math.radians(self.degrees))
        size_x, size_y = 1 + draw(self.scale), 1 + draw(self.scale)
        shear = draw(self.shear)
        cos, sin = angle.cos(), angle.sin()
        # affine_grid maps output to input coordinates, in units of half the image
        theta = torch.stack(
            [
                torch.stack([cos / size_x, (shear * cos - sin) / size_y, draw(2 * self.shift / width)], 1),
                torch.stack([sin / size_x, (shear * sin + cos) / size_y, draw(2 * self.shift / height)], 1),
            ],
            dim=1,
        )
        grid = functional.affine_grid(theta, [count, 1, height, width], align_corners=False)
        if self.bend:
            # knots 7 pixels apart: strokes bend smoothly, their ends are not torn
            knots = torch.randn(count, 2, 5, 5, device=device) * (2 * self.bend / width)
            # all that bends is linear in its knots: on a GPU a product is quicker, on a CPU other in its last bits
            each = torch.eye(25, device=device).view(25, 1, 5, 5) if device.type == "cuda" else knots
            field = functional.interpolate(each, size=(height, width), mode="bicubic", align_corners=True)
            if device.type == "cuda":
                field = (knots.flatten(2) @ field.flatten(1)).view(count, 2, height, width)
            grid = grid + field.permute(0, 2, 3, 1)
        return functional.grid_sample(images.float(), grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def augmentation(strength: float) -> Augmentation | None:
    """The usual distortion with every amount multiplied by ``strength``; ``None`` for 0.

    Raises ``ToolkitError`` outside 0 to ``STRONGEST``: beyond, scaling would come near zero and mirror digits.
    """
    if not 0 <= strength <= STRONGEST:
        raise ToolkitError(f"Augmentation of strength {strength} leaves no digits. Choose 0 (none) to {STRONGEST}.")
    return Augmentation(*(strength * amount for amount in vars(Augmentation()).values())) if strength else None
