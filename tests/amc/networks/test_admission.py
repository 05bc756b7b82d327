"""Networks as users hold them: wrapped, compiled, in other number formats, or of a kind that can't be cut."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from amc.networks.admission import admit
from amc.utils.errors import UserError


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.norm = nn.BatchNorm2d(8)
        self.fc = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc(self.norm(self.conv(x)).relu().mean((2, 3)))
        return out


IMAGES = torch.linspace(-1, 1, 2 * 3 * 6 * 6).reshape(2, 3, 6, 6)
NAMES = list(Small().state_dict())


def compiled_inside(model: Small) -> nn.Module:
    model.conv = torch.compile(model.conv)  # type: ignore[assignment]
    return model


def compiled_in_place(model: Small) -> nn.Module:
    model.compile()
    return model


def parallel_inside(model: Small) -> nn.Module:
    model.fc = nn.DataParallel(model.fc)  # type: ignore[assignment]
    return model


@pytest.mark.parametrize(
    "wrap",
    [
        nn.DataParallel,
        torch.compile,
        torch.optim.swa_utils.AveragedModel,
        lambda model: nn.DataParallel(nn.DataParallel(model)),
        compiled_inside,
        compiled_in_place,
        parallel_inside,
    ],
)
def test_what_is_inside_of_a_wrapper_is_taken(wrap: Callable[[Small], nn.Module]) -> None:
    torch.manual_seed(0)
    model = Small().eval()
    wanted = model(IMAGES)
    found, notes = admit(wrap(copy.deepcopy(model)).eval())
    assert (list(found.state_dict()), notes) == (NAMES, ())
    assert type(found) is Small
    assert found._compiled_call_impl is None
    torch.testing.assert_close(found(IMAGES), wanted)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_number_formats_are_cast_and_told(dtype: torch.dtype) -> None:
    model = Small().to(dtype)
    found, notes = admit(model)
    assert {tensor.dtype for tensor in found.state_dict().values()} == {torch.float32, torch.int64}
    (note,) = notes
    assert str(dtype).removeprefix("torch.") in note
    assert "float32" in note


def test_formats_that_are_mixed_are_all_told() -> None:
    model = Small()
    model.conv.half()
    model.fc.double()
    assert "float16, float64" in admit(model)[1][0]


def lazy() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.Flatten(), nn.LazyLinear(2))


def on_no_device() -> nn.Module:
    with torch.device("meta"):
        return Small()


def sparse() -> nn.Module:
    model = Small()
    model.fc.weight = nn.Parameter(model.fc.weight.detach().to_sparse())
    return model


def quantised() -> nn.Module:
    model = nn.Sequential(nn.Linear(4, 4))
    model[0] = torch.ao.nn.quantized.dynamic.Linear(4, 4)
    return model


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: torch.jit.script(Small().eval()), r"torch\.jit.*give the module from before.*load_state_dict"),
        (lambda: torch.jit.trace(Small().eval(), IMAGES), r"torch\.jit.*give the module from before"),
        (lazy, r"2\.weight has no size yet; run the network once"),
        (on_no_device, r"conv\.weight is on the meta device"),
        (sparse, r"fc\.weight is stored as torch\.sparse_coo"),
        (quantised, "module 0 is quantised"),
        (lambda: torch.export.export(Small().eval(), (IMAGES,)).module(), r"torch\.export give the module from before"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
def test_what_can_not_be_cut_is_refused_in_one_line(make: Callable[[], nn.Module], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        admit(make())
    assert "\n" not in str(caught.value)
