from contextlib import AbstractContextManager, nullcontext

import pytest
import torch
from torch import nn

from amc.utils.device import device_of, find_device, forked_random_numbers
from amc.utils.errors import UserError


def test_auto_is_a_device_that_works() -> None:
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert find_device("auto").type == expected
    assert find_device("cpu") == find_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize("name", ["tpu", "cuda:99", "meta", ""])
def test_a_device_that_cannot_be_used_is_one_line(name: str) -> None:
    with pytest.raises(UserError, match="expected a device that PyTorch can use") as caught:
        find_device(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "forked"), [("cpu", []), ("cuda:1", [torch.device("cuda:1")])])
def test_random_numbers_of_a_gpu_are_restored_too(
    name: str, forked: list[torch.device], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[torch.device]] = []

    def fork_rng(devices: list[torch.device]) -> AbstractContextManager[None]:
        asked.append(devices)
        return nullcontext()

    monkeypatch.setattr(torch.random, "fork_rng", fork_rng)
    with forked_random_numbers(torch.device(name)):
        pass
    assert asked == [forked]


def test_a_network_is_on_the_device_of_its_tensors() -> None:
    assert device_of(nn.Linear(2, 2, device="meta")) == torch.device("meta")
    assert device_of(nn.BatchNorm1d(2, affine=False, device="meta")) == torch.device("meta")
    assert device_of(nn.ReLU()) == torch.device("cpu")
