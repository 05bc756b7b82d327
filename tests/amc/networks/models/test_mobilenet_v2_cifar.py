import pytest
import torch
from torch import nn
from torchvision.models import mobilenet_v2

from amc.networks.models.mobilenet_v2_cifar import InvertedResidual, mobilenet_v2_cifar
from tests.oracles import counted_macs, counted_params, randomise


def with_strides_for_cifar(width: float) -> nn.Module:
    """torchvision's network with the two strides changed."""
    model = randomise(mobilenet_v2(num_classes=10, width_mult=width))
    for name in ("features.0.0", "features.2.conv.1.0"):
        conv = model.get_submodule(name)
        assert isinstance(conv, nn.Conv2d)
        assert conv.stride == (2, 2)
        conv.stride = (1, 1)
    return model


@pytest.mark.parametrize(("width", "macs"), [(1.0, 87_976_448), (0.5, 27_969_024), (0.75, 59_310_080)])
def test_it_computes_what_torchvisions_does_with_its_strides(width: float, macs: int) -> None:
    reference, model = with_strides_for_cifar(width), mobilenet_v2_cifar(width=width).eval()
    tensors = reference.state_dict().values()
    model.load_state_dict(dict(zip(model.state_dict(), tensors, strict=True)))
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(model(x), reference(x))
        assert model.features(x).shape == (2, 1280, 4, 4)
    assert counted_macs(model, x) == counted_macs(reference, x) == macs


def test_the_classifiers_outputs_are_all_that_the_number_of_classes_changes() -> None:
    for classes in (10, 100):
        assert counted_params(mobilenet_v2_cifar(classes)) == counted_params(mobilenet_v2(num_classes=classes))


def test_shortcuts_are_where_the_shape_stays() -> None:
    blocks = [module for module in mobilenet_v2_cifar().features if isinstance(module, InvertedResidual)]
    assert [index for index, block in enumerate(blocks) if block.has_shortcut] == [2, 4, 5, 7, 8, 9, 11, 12, 14, 15]
