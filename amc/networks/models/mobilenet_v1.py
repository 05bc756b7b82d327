"""MobileNet-V1 (Howard et al. 2017, arXiv:1704.04861, table 1): depthwise-separable convolutions, nothing else.

Table 1 gives the last depthwise convolution stride 2, while input and output are 7 x 7; its stride is 1, as in the
authors' code. For 32 x 32 images the first convolution has stride 1, so that the last maps are 2 x 2 instead of 1 x 1,
as in github.com/kuangliu/pytorch-cifar; the paper has no such network.
"""

from torch import Tensor, nn

from amc.networks.models.convolution import conv_norm

FIRST = 32
BLOCKS = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
"""Output width and stride of each depthwise-separable convolution."""


class MobileNetV1(nn.Module):
    """MobileNet-V1: images [B, 3, H, W] to logits [B, num_classes].

    Args:
        num_classes: Number of outputs.
        width: The width multiplier of section 3.3; each width is rounded down.
        first_stride: Stride of the first convolution.
    """

    def __init__(self, num_classes: int, width: float, first_stride: int) -> None:
        super().__init__()
        channels = int(FIRST * width)
        layers = [nn.Sequential(*conv_norm(3, channels, 3, first_stride), nn.ReLU())]
        for out_width, stride in BLOCKS:
            layers.append(_separable(channels, int(out_width * width), stride))
            channels = int(out_width * width)
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean(dim=(2, 3)))


def _separable(in_width: int, out_width: int, stride: int) -> nn.Sequential:
    """Return a 3 x 3 depthwise and a 1 x 1 convolution, each with batch norm and ReLU (figure 3)."""
    return nn.Sequential(
        *conv_norm(in_width, in_width, 3, stride, groups=in_width),
        nn.ReLU(),
        *conv_norm(in_width, out_width, 1),
        nn.ReLU(),
    )


def mobilenet_v1(num_classes: int = 1000, width: float = 1.0) -> MobileNetV1:
    """Return MobileNet-V1 for 224 x 224 images: 568.74 M MACs, 4.23 M parameters at width 1."""
    return MobileNetV1(num_classes, width, first_stride=2)


def mobilenet_v1_cifar(num_classes: int = 10, width: float = 1.0) -> MobileNetV1:
    """Return MobileNet-V1 for 32 x 32 images: 46.35 M MACs, 3.22 M parameters at width 1."""
    return MobileNetV1(num_classes, width, first_stride=1)
