"""Fused steps compute what the same ones do apart."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.pruning.inference_form import lay_out
from amc.replay.operator_program import OperatorProgram
from amc.replay.operator_trace import OperatorTrace
from amc.replay.sizeless_operators import CONVOLUTION
from amc.scoring.executor import fused_program
from amc.scoring.executor.fusion import fuse_steps
from amc.utils.precision import multiplies_in_bfloat16
from tests.amc.replay.test_operator_program import WITHOUT
from tests.architectures import PRUNABLE
from tests.oracles import prepared

Forward = Callable[["Net", Tensor], Tensor]
NEEDS_BFLOAT16 = pytest.mark.skipif(
    not multiplies_in_bfloat16(torch.device("cpu")), reason="this processor does not multiply in bfloat16"
)


class Net(nn.Module):
    """Two convolutions of one width, and what a test makes of them."""

    def __init__(self, run: Forward) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.one = nn.Conv2d(6, 6, 3, padding=1)
        self.two = nn.Conv2d(6, 6, 3, padding=2, dilation=2, groups=2, bias=False)
        self.run = run

    def forward(self, x: Tensor) -> Tensor:
        return self.run(self, x)


def run_fused(network: nn.Module, x: Tensor) -> tuple[Tensor, list[str]]:
    """The output of the fused program for `x`, and the operators that are left."""
    trace = OperatorTrace(network, x.clone())
    steps = fuse_steps(trace.steps, trace.shapes, trace.output)
    program = OperatorProgram(steps, trace.names, trace.shapes, trace.output)
    with torch.inference_mode():
        return program.bind(network)(x.clone()), [getattr(step.function, "__name__", "") for step in steps]


def expected(network: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        out: Tensor = network(x.clone())
        return out


@pytest.mark.parametrize("dtype", [torch.float32, pytest.param(torch.bfloat16, marks=NEEDS_BFLOAT16)])
@pytest.mark.parametrize(
    ("run", "steps"),
    [
        (lambda net, x: F.relu(net.one(x)), 1),
        (lambda net, x: F.relu_(net.two(x)), 1),
        (lambda net, x: F.relu6(net.one(x)), 1),
        (lambda net, x: F.hardtanh(net.one(x)), 1),
        (lambda net, x: F.hardtanh(net.one(x), -0.2, 1), 1),
        (lambda net, x: F.hardswish(net.one(x)), 1),
        (lambda net, x: F.silu(net.one(x)), 1),
        (lambda net, x: net.one(x) + x, 1),
        (lambda net, x: x + net.one(x), 1),
        (lambda net, x: F.relu(net.one(F.relu(net.two(x))) + x), 2),
        (lambda net, x: F.relu(net.one(x).add_(net.one(-x))), 3),
        (lambda net, x: F.silu(net.two(x) + net.one(x)), 3),
        (lambda net, x: F.relu(net.two(x) + x), 3),
    ],
)
def test_neighbours_become_one(run: Forward, steps: int, dtype: torch.dtype) -> None:
    network = lay_out(Net(run).to(dtype))
    x = torch.randn(2, 6, 5, 5, dtype=dtype).contiguous(memory_format=torch.channels_last)
    found, left = run_fused(network, x)
    assert len(left) == steps
    torch.testing.assert_close(found, expected(network, x), rtol=0, atol=1e-5 if dtype == torch.float32 else 0.05)


@pytest.mark.parametrize("size", [(3, 32), (3, 33), (32, 3), (2, 64)])
@pytest.mark.parametrize(
    ("kernel", "padding"), [((3, 3), (1, 1)), ((1, 1), (0, 0)), ((1, 5), (0, 2)), ((3, 3), (0, 0))]
)
@pytest.mark.parametrize("options", [{}, {"bias": False}, {"stride": 2}, {"dilation": 2}, {"groups": 2}])
@pytest.mark.parametrize("channels", [2, 8, 10])
def test_a_narrow_convolution_of_wide_images(
    channels: int, options: dict[str, Any], kernel: tuple[int, int], padding: tuple[int, int], size: tuple[int, int]
) -> None:
    """Some are computed two pixels at a time."""
    torch.manual_seed(0)
    conv = nn.Conv2d(6, channels, kernel, padding=padding, **options)
    x = torch.randn(2, 6, *size).contiguous(memory_format=torch.channels_last)
    if size[0] < 2 + kernel[0] * options.get("dilation", 1):  # larger images, where nothing would be left of these
        x = F.pad(x, (0, 0, 4, 4)).contiguous(memory_format=torch.channels_last)
    if size[1] < 2 + kernel[1] * options.get("dilation", 1):
        x = F.pad(x, (4, 4)).contiguous(memory_format=torch.channels_last)
    network = lay_out(nn.Sequential(conv, nn.ReLU()))
    found, left = run_fused(network, x)
    assert len(left) == 1
    torch.testing.assert_close(found, expected(network, x), rtol=0, atol=1e-5)
    assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    "run",
    [
        lambda net, x: (y := net.one(x)) + F.relu(y),
        lambda net, x: net.one(x) + 1,
        lambda net, x: net.one(x)[:, :, :1, :1] + F.avg_pool2d(net.two(x), 5),
        lambda net, x: net.one(x).add(x, alpha=2),
        lambda net, x: net.one(x) + net.one(x)[:, :1],
        lambda net, x: F.relu(net.one(x)[:, 1:]),
        lambda net, x: (y := net.one(x)) + y,
        lambda net, x: (view := (z := F.relu(x)).flatten(1)).sum() + z.add_(net.one(x)) + view.sum(),
        lambda net, x: (y := net.one(z := F.relu(x)), z.mul_(2), F.relu(y))[2],
        lambda net, x: F.relu(F.conv_transpose2d(x, net.one.weight, padding=1)),
    ],
)
def test_what_must_stay_apart_does(run: Forward) -> None:
    network, x = Net(run), torch.randn(2, 6, 5, 5)
    found, left = run_fused(network, x)
    assert len(left) == len(OperatorTrace(network, x.clone()).steps)
    assert torch.equal(found, expected(network, x))


@pytest.mark.parametrize("name", [name for name in PRUNABLE if name not in WITHOUT])
def test_networks_compute_the_same(name: str) -> None:
    model, _ = prepared(name)
    x = PRUNABLE[name].example(3)
    found, _ = run_fused(model, x)
    wanted = expected(model, x)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5 * float(wanted.abs().max()))


def test_a_residual_network_is_nothing_but_its_convolutions() -> None:
    model = copy.deepcopy(prepared("resnet20")[0])
    for module in model.modules():  # as when they are folded
        for name, child in list(module.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, nn.Identity())
    trace = OperatorTrace(model, PRUNABLE["resnet20"].example(2))
    steps = fuse_steps(trace.steps, trace.shapes, trace.output)
    assert CONVOLUTION not in {step.function for step in steps}
    names = [str(step.function) for step in steps]
    assert not any("relu" in name or "add.Tensor" in name for name in names)


def test_a_program_of_two_networks_runs_those_between() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 4, 4)
    wide, narrow, between = (nn.Sequential(nn.Conv2d(3, width, 3), nn.ReLU(), nn.Flatten()) for width in (8, 2, 5))
    program = fused_program(iter([wide, narrow]), x)
    assert program is not None
    torch.testing.assert_close(program.bind(between)(x), expected(between, x))


def test_a_network_that_gives_one_number_has_a_program() -> None:
    x = torch.randn(8, 6, 4, 4)
    network = Net(lambda net, x: net.one(x).relu().mean())
    program = fused_program([network, network], x)
    assert program is not None
    torch.testing.assert_close(program.bind(network)(x), expected(network, x))


def test_there_is_no_program_where_it_would_compute_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(2, 3, 4, 4)
    networks = [nn.Sequential(nn.Conv2d(3, width, 3), nn.ReLU()) for width in (8, 2)]
    monkeypatch.setattr(
        "amc.scoring.executor.fusion.fused_convolution", lambda x, weight, *_: 2 * F.relu(F.conv2d(x, weight))
    )
    assert fused_program(networks, x) is None
    monkeypatch.setattr("amc.scoring.executor.fusion.fused_convolution", torch.ops.mkldnn._convolution_pointwise)
    assert fused_program(networks, x) is None  # which raises, given other arguments
    monkeypatch.undo()
    assert fused_program(networks, x) is not None
    assert fused_program([Net(lambda net, x: F.dropout(net.one(x)))] * 2, torch.randn(2, 6, 4, 4)) is None


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_there_is_no_program_of_what_is_no_number(bad: float) -> None:
    x = torch.randn(2, 3, 4, 4)
    networks = [nn.Sequential(nn.Conv2d(3, width, 3), nn.ReLU()) for width in (8, 2)]
    with torch.no_grad():
        networks[1].get_parameter("0.bias")[0] = bad
    assert fused_program(networks, x) is None
