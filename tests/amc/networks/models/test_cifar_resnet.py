import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from amc.networks.models import MODELS
from amc.networks.models.cifar_resnet import BasicBlock, resnet20, resnet56
from amc.networks.sources import WEIGHTS_FOLDER, load_network


@pytest.mark.parametrize(
    ("name", "millions"), [("resnet20", 0.27), ("resnet32", 0.46), ("resnet44", 0.66), ("resnet56", 0.85)]
)
def test_sizes_are_those_of_the_paper(name: str, millions: float) -> None:
    parameters = sum(parameter.numel() for parameter in MODELS[name]().parameters())
    assert round(parameters / 1e6, 2) == millions  # He et al. 2016, table 6


@pytest.mark.parametrize(("name", "macs"), [("resnet20", 40_551_040), ("resnet56", 125_485_696)])
def test_macs_are_counted_as_published(name: str, macs: int) -> None:
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        MODELS[name]().eval()(torch.zeros(1, 3, 32, 32))
    assert counter.get_total_flops() == 2 * macs


def test_names_are_those_of_the_published_weights() -> None:
    names = {name.rsplit(".", 1)[0] for name in resnet20().state_dict()}
    blocks = {
        f"layer{stage}.{block}.{layer}"
        for stage in (1, 2, 3)
        for block in range(3)
        for layer in ("conv1", "bn1", "conv2", "bn2")
    }
    assert names == {"conv1", "bn1", "linear"} | blocks


def test_the_shortcut_takes_every_second_pixel_and_pads_both_sides() -> None:
    block = BasicBlock(2, 6, stride=2).eval()
    torch.nn.init.zeros_(block.conv2.weight)  # what is left is the shortcut
    x = torch.rand(3, 2, 5, 5)
    expected = torch.zeros(3, 6, 3, 3)
    for row in range(3):
        for column in range(3):
            expected[:, 2:4, row, column] = x[:, :, 2 * row, 2 * column]
    with torch.inference_mode():
        torch.testing.assert_close(block(x), expected)


def test_other_numbers_of_classes() -> None:
    with torch.inference_mode():
        assert resnet56(num_classes=100).eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 100)


@pytest.mark.parametrize(("name", "most"), [("resnet20", 1_200_000), ("mobilenet_v2_x0_5_cifar", 3_000_000)])
def test_packaged_weights_are_those_of_a_trained_network(name: str, most: int) -> None:
    assert (WEIGHTS_FOLDER / f"{name}.safetensors").stat().st_size < most
    model = load_network(name).model
    x = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        outputs = model(x)
    assert torch.isfinite(outputs).all()
    assert all(
        float(norm.state_dict()["running_mean"].abs().max()) > 0  # as it is in a new network
        for norm in model.modules()
        if isinstance(norm, nn.BatchNorm2d)
    )
