"""ShuffleNet V1 (Zhang et al. 2018, arXiv:1707.01083, table 1): grouped 1 x 1 convolutions with a shuffle between."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.networks.models.convolution import conv_norm

FIRST = 24
UNITS = (4, 8, 4)
"""Number of units in stages 2, 3 and 4; the first unit of each has stride 2."""
WIDTHS = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}
"""Width of stage 2 by the number of groups; each later stage is twice as wide."""
BOTTLENECK = 4  # a unit's inner width is a quarter of its output


class ShuffleUnit(nn.Module):
    """A bottleneck unit (figure 2): with stride 1 its input is added, with stride 2 it is pooled and concatenated.

    [B, in_width, H, W] -> [B, out_width, ceil(H / stride), ceil(W / stride)]

    Args:
        in_width: Input channels.
        out_width: Output channels; with stride 2 the pooled input is among them.
        stride: 1 or 2.
        first_groups: Groups of the first 1 x 1 convolution.
        groups: Groups of the other one, and of the shuffle.
    """

    def __init__(self, in_width: int, out_width: int, stride: int, first_groups: int, groups: int) -> None:
        super().__init__()
        inner = out_width // BOTTLENECK
        self.compress = nn.Sequential(*conv_norm(in_width, inner, 1, groups=first_groups), nn.ReLU())
        self.depthwise = nn.Sequential(*conv_norm(inner, inner, 3, stride, groups=inner))
        self.expand = nn.Sequential(*conv_norm(inner, out_width - in_width * (stride == 2), 1, groups=groups))
        self.stride, self.groups = stride, groups

    def forward(self, x: Tensor) -> Tensor:
        out = self.expand(self.depthwise(_shuffled(self.compress(x), self.groups)))
        if self.stride == 1:
            return F.relu(x + out)
        return F.relu(torch.cat([F.avg_pool2d(x, 3, self.stride, padding=1), out], 1))


def _shuffled(x: Tensor, groups: int) -> Tensor:
    """Move channel i of group g to place i * groups + g (section 3.1)."""
    return x.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)


class ShuffleNetV1(nn.Module):
    """ShuffleNet V1: images [B, 3, H, W] to logits [B, num_classes]."""

    def __init__(self, num_classes: int, groups: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(*conv_norm(3, FIRST, 3, stride=2), nn.ReLU())
        channels, width = FIRST, WIDTHS[groups]
        stages: list[nn.Module] = []
        for units in UNITS:
            for stride in (2, *[1] * (units - 1)):
                first_groups = 1 if channels == FIRST else groups  # the first one of all has few input channels
                stages.append(ShuffleUnit(channels, width, stride, first_groups, groups))
                channels = width
            width *= 2
        self.stages = nn.Sequential(*stages)
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        out = self.stages(F.max_pool2d(self.stem(x), 3, 2, padding=1))
        return self.classifier(out.mean(dim=(2, 3)))


def shufflenet_v1(num_classes: int = 1000, groups: int = 3) -> ShuffleNetV1:
    """Return ShuffleNet 1x for 224 x 224 images and 1, 2, 3, 4 or 8 groups.

    With 3 groups it has 137.46 M MACs and 1.87 M parameters.
    """
    return ShuffleNetV1(num_classes, groups)
