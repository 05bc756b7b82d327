"""The networks that come with the tool, by the name that a user gives."""

from collections.abc import Callable

from torch import nn

from amc.models.cifar_resnet import resnet20, resnet32, resnet44, resnet56, resnet110
from amc.models.digits_resnet import digits_resnet

MODELS: dict[str, Callable[[], nn.Module]] = {
    "digits_resnet": digits_resnet,
    "resnet20": resnet20,
    "resnet32": resnet32,
    "resnet44": resnet44,
    "resnet56": resnet56,
    "resnet110": resnet110,
}
