import pytest
import torch
from torch import nn

from amc.networks.models.mobilenet_v1 import mobilenet_v1, mobilenet_v1_cifar
from tests.oracles import counted_macs, counted_params


@pytest.mark.parametrize(
    ("width", "macs", "params"), [(1.0, 569, 4.2), (0.75, 325, 2.6), (0.5, 149, 1.3), (0.25, 41, 0.5)]
)
def test_costs_are_those_of_the_paper(width: float, macs: int, params: float) -> None:
    model = mobilenet_v1(width=width).eval()
    assert round(counted_macs(model, torch.zeros(1, 3, 224, 224)) / 1e6) == macs  # Howard et al. 2017, table 6
    assert round(counted_params(model) / 1e6, 1) == params


def test_it_has_28_layers_and_the_paper_says_which() -> None:
    layers = [module for module in mobilenet_v1().modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    assert len(layers) == 28
    depthwise = [layer for layer in layers if isinstance(layer, nn.Conv2d) and layer.groups > 1]
    assert [layer.groups for layer in depthwise] == [32, 64, 128, 128, 256, 256, *[512] * 6, 1024]
    assert [layer.stride[0] for layer in depthwise] == [1, 2, 1, 2, 1, 2, *[1] * 5, 2, 1]


def test_the_form_for_cifar_differs_in_one_stride_and_the_outputs() -> None:
    published, small = mobilenet_v1(num_classes=10), mobilenet_v1_cifar()
    small.load_state_dict(published.state_dict())
    x = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        assert small.features.eval()(x).shape == (1, 1024, 2, 2)
        first = published.get_submodule("features.0.0")
        assert isinstance(first, nn.Conv2d)
        first.stride = (1, 1)
        torch.testing.assert_close(published.eval()(x), small.eval()(x))
