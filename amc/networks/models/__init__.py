"""The networks that come with the tool, one module each, by the names that a user gives.

`convolution` has the block that most of them are built from.
"""

from collections.abc import Callable

from torch import nn

from amc.networks.models.cifar_resnet import resnet20, resnet32, resnet44, resnet56, resnet110
from amc.networks.models.digits_resnet import digits_resnet
from amc.networks.models.mobilenet_v1 import mobilenet_v1, mobilenet_v1_cifar
from amc.networks.models.mobilenet_v2_cifar import mobilenet_v2_cifar, mobilenet_v2_x0_5_cifar
from amc.networks.models.plain20 import plain20
from amc.networks.models.shufflenet_v1 import shufflenet_v1
from amc.networks.models.vgg16_bn_cifar import vgg16_bn_cifar

MODELS: dict[str, Callable[[], nn.Module]] = {
    "digits_resnet": digits_resnet,
    "resnet20": resnet20,
    "resnet32": resnet32,
    "resnet44": resnet44,
    "resnet56": resnet56,
    "resnet110": resnet110,
    "plain20": plain20,
    "vgg16_bn_cifar": vgg16_bn_cifar,
    "mobilenet_v1_cifar": mobilenet_v1_cifar,
    "mobilenet_v2_cifar": mobilenet_v2_cifar,
    "mobilenet_v2_x0_5_cifar": mobilenet_v2_x0_5_cifar,
    "mobilenet_v1": mobilenet_v1,
    "shufflenet_v1": shufflenet_v1,
}
"""Constructors of the networks by name; each takes the number of classes where it can vary."""
