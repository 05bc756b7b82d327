"""Plain-20 for 32 x 32 images (He et al. 2016, arXiv:1512.03385, section 4.2): ResNet-20 without its shortcuts.

Three stages of 16, 32 and 64 channels with six 3 x 3 convolutions each; the first of a stage halves the maps.
"""

from torch import Tensor, nn

from amc.networks.models.convolution import conv_norm

WIDTHS = (16, 32, 64)
CONVOLUTIONS = 6


class Plain20(nn.Module):
    """Plain-20, a network of convolutions without shortcuts: images [B, 3, 32, 32] to logits [B, num_classes]."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        channels = WIDTHS[0]
        layers = [*conv_norm(3, channels, 3), nn.ReLU()]
        for width in WIDTHS:
            for index in range(CONVOLUTIONS):
                stride = 2 if index == 0 and width != channels else 1
                layers += [*conv_norm(channels, width, 3, stride), nn.ReLU()]
                channels = width
        self.features = nn.Sequential(*layers)
        self.linear = nn.Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.features(x).mean(dim=(2, 3)))


def plain20(num_classes: int = 10) -> Plain20:
    """Return Plain-20: 40.55 M MACs and 0.27 M parameters, as ResNet-20."""
    return Plain20(num_classes)
