import pytest
import torch
from torch import nn

from amc.networks.models.cifar_resnet import BasicBlock, resnet20
from amc.networks.models.plain20 import plain20
from tests.oracles import counted_macs, counted_params, randomise


def test_costs_are_those_of_the_residual_network() -> None:
    x = torch.zeros(1, 3, 32, 32)
    plain, residual = plain20().eval(), resnet20().eval()
    assert counted_macs(plain, x) == counted_macs(residual, x) == 40_551_040
    assert counted_params(plain) == counted_params(residual) == 269_722  # He et al. 2016, table 6: 0.27 M


def test_it_is_the_residual_network_without_shortcuts(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, residual = plain20().eval(), randomise(resnet20())
    plain.load_state_dict(dict(zip(plain.state_dict(), residual.state_dict().values(), strict=True)))
    monkeypatch.setattr(BasicBlock, "_shortcut", lambda *_: 0.0)
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(plain(x), residual(x))


def test_it_has_20_layers() -> None:
    assert len([module for module in plain20().modules() if isinstance(module, nn.Conv2d | nn.Linear)]) == 20
