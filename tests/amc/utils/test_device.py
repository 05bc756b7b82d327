import pytest
import torch

from amc.utils.device import find_device
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
