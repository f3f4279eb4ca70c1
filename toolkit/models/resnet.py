"""timm's ResNet, adapted to digits."""

import timm

from toolkit.models.timm_network import TimmNetwork


def resnet(
    channels: tuple[int, ...] = (32, 64, 128, 256),
    blocks: tuple[int, ...] = (1, 1, 1, 1),
    stem_width: int = 16,
    dropout: float = 0.0,
    classes: int = 10,
) -> TimmNetwork:
    """A timm ResNet for one channel and 28x28 pixels.

    Input (N, 1, 28, 28) raw pixels, output (N, C) logits for C ``classes``. timm's stem would shrink 28x28 to 7x7
    before the first block. Here its three 3x3 convolutions work at full resolution and only pooling halves it, so the
    four stages, of so many ``blocks``, see 14, 7, 4 and 2 pixels a side. ``dropout`` precedes the classifier.
    """
    network = timm.create_model(
        "resnet18",
        in_chans=1,
        num_classes=classes,
        channels=tuple(channels),
        layers=tuple(blocks),
        stem_type="deep",
        stem_width=stem_width,
        drop_rate=dropout,
        zero_init_last=False,  # zeros would leave the first epoch a network of pooled 3x3 patches
    )
    network.conv1[0].stride = (1, 1)
    return TimmNetwork(network)
