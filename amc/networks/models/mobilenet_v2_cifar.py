"""MobileNet-V2 (Sandler et al. 2018, arXiv:1801.04381, table 2) for 32 x 32 images.

The first convolution and the stage of 24 channels have stride 1 instead of 2, so that the last maps are 4 x 4 instead
of 1 x 1, as in github.com/kuangliu/pytorch-cifar. Shortcuts are where the paper has them.
"""

from torch import Tensor, nn

from amc.networks.models.convolution import conv_norm

FIRST, LAST = 32, 1280
STAGES = [(1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
"""Expansion t, width c, number of blocks n, and stride s of the first block, for each stage."""
MULTIPLE = 8
"""What the numbers of channels of a narrower network are multiples of."""


class InvertedResidual(nn.Module):
    """Expand, convolve each channel, project without activation; the input is added where the shape stays (figure 4).

    [B, in_width, H, W] -> [B, out_width, ceil(H / stride), ceil(W / stride)]
    """

    def __init__(self, in_width: int, out_width: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = in_width * expansion
        expand = [*conv_norm(in_width, inner, 1), nn.ReLU6()] if expansion > 1 else []
        self.branch = nn.Sequential(
            *expand,
            *conv_norm(inner, inner, 3, stride, groups=inner),
            nn.ReLU6(),
            *conv_norm(inner, out_width, 1),
        )
        self.has_shortcut = stride == 1 and in_width == out_width

    def forward(self, x: Tensor) -> Tensor:
        out = self.branch(x)
        return x + out if self.has_shortcut else out


class MobileNetV2Cifar(nn.Module):
    """MobileNet-V2 for small images: [B, 3, 32, 32] to logits [B, num_classes]."""

    def __init__(self, num_classes: int, width: float) -> None:
        super().__init__()
        channels = _scaled(FIRST, width)
        layers: list[nn.Module] = [nn.Sequential(*conv_norm(3, channels, 3), nn.ReLU6())]
        for expansion, full, blocks, first_stride in STAGES:
            for stride in (first_stride, *[1] * (blocks - 1)):
                layers.append(InvertedResidual(channels, _scaled(full, width), stride, expansion))
                channels = _scaled(full, width)
        layers.append(nn.Sequential(*conv_norm(channels, LAST, 1), nn.ReLU6()))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(LAST, num_classes))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean(dim=(2, 3)))


def mobilenet_v2_cifar(num_classes: int = 10, width: float = 1.0) -> MobileNetV2Cifar:
    """Return MobileNet-V2 for 32 x 32 images: 87.98 M MACs, 2.24 M parameters.

    Args:
        num_classes: The number of classes.
        width: What the paper's numbers of channels are multiplied by (its section 4), all but that of the last
            convolution; 0.5 leaves 27.97 M MACs and 0.70 M parameters.
    """
    return MobileNetV2Cifar(num_classes, width)


def mobilenet_v2_x0_5_cifar(num_classes: int = 10) -> MobileNetV2Cifar:
    """Return MobileNet-V2 of half the width for 32 x 32 images."""
    return mobilenet_v2_cifar(num_classes, width=0.5)


def _scaled(channels: int, width: float) -> int:
    """The multiple of 8 that is nearest to a number of channels times the width; never below nine tenths of that."""
    wanted = channels * width
    nearest = max(MULTIPLE, int(wanted + MULTIPLE / 2) // MULTIPLE * MULTIPLE)
    return nearest if nearest >= 0.9 * wanted else nearest + MULTIPLE
