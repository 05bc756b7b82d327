from collections.abc import Callable

import pytest
import torch
from torch import nn

from amc.networks.finite import check_finite
from amc.utils.errors import UserError


def set_parameter(value: float) -> Callable[[nn.Sequential], None]:
    def change(model: nn.Sequential) -> None:
        with torch.no_grad():
            model.get_parameter("1.weight")[2] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_parameter(float("nan")), "1 of 4 values of 1.weight are NaN or infinite"),
        (set_parameter(float("-inf")), "1 of 4 values of 1.weight"),
        (lambda model: model[1].running_var.fill_(float("inf")), "4 of 4 values of 1.running_var"),
        (lambda model: model.register_buffer("scale", torch.tensor(float("nan"))), "1 of 1 values of scale"),
        (lambda model: model.to("meta"), "0.weight is on the meta device and has no values"),
    ],
)
def test_the_first_tensor_that_is_not_finite_is_named(change: Callable[[nn.Module], object], message: str) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    check_finite(model, "net.pth")
    change(model)
    with pytest.raises(UserError, match=f"net.pth: expected .*, {message}") as caught:
        check_finite(model, "net.pth")
    assert "\n" not in str(caught.value)


def test_masks_and_other_kinds_of_numbers_are_left_alone() -> None:
    model = nn.Linear(2, 2, dtype=torch.bfloat16)
    model.register_buffer("mask", torch.tensor([0.0, float("-inf")]))
    model.register_buffer("index", torch.arange(3))
    model.register_buffer("small", torch.ones(2).to(torch.float8_e4m3fn))
    check_finite(nn.Sequential(model, nn.LazyLinear(2)), "net.pth")
