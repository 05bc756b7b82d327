import pytest
import torch
from torch import nn

from amc.networks.models.shufflenet_v1 import ShuffleUnit, _shuffled, shufflenet_v1
from tests.oracles import counted_macs, counted_params


@pytest.mark.parametrize(("groups", "macs"), [(1, 143), (2, 140), (3, 137), (4, 133), (8, 137)])
def test_macs_are_those_of_the_paper(groups: int, macs: int) -> None:
    model = shufflenet_v1(groups=groups).eval()
    counted = counted_macs(model, torch.zeros(1, 3, 224, 224))
    assert round((counted - model.classifier.weight.numel()) / 1e6) == macs  # table 1, without the linear layer


def test_the_default_has_3_groups() -> None:
    model = shufflenet_v1().eval()
    assert counted_macs(model, torch.zeros(1, 3, 224, 224)) == 137_460_672
    assert counted_params(model) == 1_865_728


def test_maps_are_those_of_table_1() -> None:
    shapes = []
    model = shufflenet_v1().eval()
    for unit in model.stages:
        unit.register_forward_hook(lambda *arguments: shapes.append(tuple(arguments[-1].shape[1:])))
    with torch.inference_mode():
        assert model(torch.zeros(1, 3, 224, 224)).shape == (1, 1000)
    assert shapes == [(240, 28, 28)] * 4 + [(480, 14, 14)] * 8 + [(960, 7, 7)] * 4


def test_the_shuffle_gives_each_group_channels_of_every_group() -> None:
    x = torch.arange(12).reshape(1, 12, 1, 1)
    assert _shuffled(x, 3).flatten().tolist() == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]
    assert torch.equal(_shuffled(x, 3), nn.ChannelShuffle(3)(x))


def test_a_unit_with_stride_2_pools_its_input_beside_what_it_computes() -> None:
    unit = ShuffleUnit(6, 24, stride=2, first_groups=1, groups=3).eval()
    x = torch.rand(1, 6, 8, 8)
    with torch.inference_mode():
        out = unit(x)
    assert out.shape == (1, 24, 4, 4)
    assert out[0, 2, 1, 1].item() == pytest.approx(x[0, 2, 1:4, 1:4].mean().item())


def test_only_the_very_first_pointwise_convolution_is_not_grouped() -> None:
    pointwise = [unit.compress[0].groups for unit in shufflenet_v1().stages]  # type: ignore[index, union-attr]
    assert pointwise == [1] + [3] * 15
