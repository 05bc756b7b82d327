import pytest
import torch
from torch import nn
from torchvision.models.vgg import cfgs, make_layers

from amc.networks.models.vgg16_bn_cifar import vgg16_bn_cifar
from tests.oracles import counted_macs, counted_params, randomise

X = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_costs_are_those_of_the_paper() -> None:
    model = vgg16_bn_cifar().eval()
    assert counted_macs(model, X) == pytest.approx(3.13e8, rel=2e-3)  # Li et al. 2017, table 1
    assert counted_params(model) == pytest.approx(1.5e7, rel=2e-3)


def test_the_convolutional_part_is_that_of_vgg16() -> None:
    reference, model = randomise(make_layers(cfgs["D"], batch_norm=True)), vgg16_bn_cifar().features.eval()
    state = reference.state_dict()
    for name, module in reference.named_modules():
        if isinstance(module, nn.Conv2d):  # batch norm absorbs the bias, which is left out here
            assert module.bias is not None
            module.bias.data.zero_()
            del state[f"{name}.bias"]
    model.load_state_dict(state)
    with torch.inference_mode():
        torch.testing.assert_close(model(X), reference(X))
        assert model(X).shape == (2, 512, 1, 1)
