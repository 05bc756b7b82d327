"""VGG-16 with batch norm for 32 x 32 images, as pruned by Li et al. 2017 (arXiv:1608.08710, section 4.1 and table 1).

It has the 13 convolutions of VGG-16 (Simonyan and Zisserman 2015, arXiv:1409.1556, table 1, column D), whose last maps
are 1 x 1, then two linear layers of 512 and `num_classes` outputs instead of three. Batch norm follows every layer but
the last, and there is no dropout.
"""

from torch import Tensor, nn

from amc.networks.models.convolution import conv_norm

STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Width and number of convolutions of each stage, which ends in max pooling."""
HIDDEN = 512


class Vgg16BnCifar(nn.Module):
    """VGG-16 with batch norm for small images: [B, 3, 32, 32] to logits [B, num_classes]."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        channels = 3
        layers: list[nn.Module] = []
        for width, convolutions in STAGES:
            for _ in range(convolutions):
                layers += [*conv_norm(channels, width, 3), nn.ReLU()]
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Linear(channels, HIDDEN, bias=False), nn.BatchNorm1d(HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, num_classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).flatten(1))


def vgg16_bn_cifar(num_classes: int = 10) -> Vgg16BnCifar:
    """Return VGG-16 with batch norm for 32 x 32 images: 313.46 M MACs, 14.99 M parameters."""
    return Vgg16BnCifar(num_classes)
