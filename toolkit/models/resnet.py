"""timm's ResNet, adapted to digits."""

import timm
import torch
from torch import nn

from toolkit.models.pixels import StandardisePixels


class ResNet(nn.Module):
    """A timm ResNet for one channel and 28x28 pixels.

    Input (N, 1, 28, 28) raw pixels, output (N, 10) logits. timm's stem would shrink 28x28 to 7x7 before
    the first block: here it is one 3x3 convolution at full resolution, without pooling, so the four stages
    see 28, 14, 7 and 4 pixels a side. ``blocks`` is the number of basic blocks in each stage;
    ``dropout`` precedes the classifier.
    """

    def __init__(
        self,
        channels: tuple[int, ...] = (32, 64, 128, 256),
        blocks: tuple[int, ...] = (1, 1, 1, 1),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.pixels = StandardisePixels()
        # stem_type "deep" lets the stem's width be chosen; its convolutions are replaced by one
        self.network = timm.create_model(
            "resnet18",
            in_chans=1,
            num_classes=10,
            channels=tuple(channels),
            layers=tuple(blocks),
            stem_type="deep",
            stem_width=channels[0] // 2,
            drop_rate=dropout,
            zero_init_last=False,  # zeros would leave the first epoch a network of pooled 3x3 patches
        )
        self.network.conv1 = nn.Conv2d(1, channels[0], 3, padding=1, bias=False)
        self.network.maxpool = nn.Identity()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network(self.pixels(images))

    def group_matcher(self, coarse: bool = True) -> dict[str, str]:
        """timm's contract: which parameters form a layer group, from input to output."""
        groups = self.network.group_matcher(coarse=coarse)
        return {name: rf"^network\.(?:{pattern.replace('^', '')})" for name, pattern in groups.items()}
