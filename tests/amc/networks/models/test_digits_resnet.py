from torch import nn

from amc.networks.models.digits_resnet import digits_resnet
from amc.networks.sources import WEIGHTS_FOLDER


def test_its_weights_are_small_enough_to_ship() -> None:
    assert (WEIGHTS_FOLDER / "digits_resnet.safetensors").stat().st_size < 500_000


def test_it_has_what_larger_networks_have() -> None:
    convolutions = [module for module in digits_resnet().modules() if isinstance(module, nn.Conv2d)]
    projections = [module for module in convolutions if module.kernel_size == (1, 1)]
    assert len(projections) == 2
    assert all(module.stride == (2, 2) for module in projections)
    assert {module.out_channels for module in convolutions} == {12, 24, 48}
