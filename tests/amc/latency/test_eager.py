import pytest
import torch
from torch import nn

from amc.latency.eager import Eager
from amc.utils.errors import UserError


def linear(count: int) -> nn.Sequential:
    return nn.Sequential(*(nn.Linear(256, 256) for _ in range(count)))


def test_more_work_takes_longer() -> None:
    eager = Eager(torch.device("cpu"))
    timing = eager.measure([linear(4), linear(64)], torch.zeros(16, 256), precision=0.1, limit=2)
    assert timing.ratios[1].value > 2  # 64 times as much work; a busy machine takes its time
    assert eager.fingerprint["runtime"] == f"torch {torch.__version__}"


def test_networks_and_settings_stay_as_they_were() -> None:
    network, threads = linear(1).train(), torch.get_num_threads()
    Eager(torch.device("cpu"), threads=2).measure([network], torch.zeros(1, 256), limit=0.1)
    assert network.training
    assert torch.get_num_threads() == threads
    assert float(torch.tensor(1e-40) + 0) > 0  # denormals are kept again


def test_a_network_that_fails_is_told() -> None:
    with pytest.raises(UserError, match=r"the network fails on an input of shape \(1, 3\)"):
        Eager(torch.device("cpu")).measure([linear(1)], torch.zeros(1, 3))
