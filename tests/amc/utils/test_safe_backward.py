"""Backward passes that stay inside their memory."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import amc
from amc.criteria import CRITERIA, Evidence
from amc.data.augment import Augmentation
from amc.data.resident import ResidentImages
from amc.training.training_loop import Recipe, Training

pytestmark = pytest.mark.backward
ROOT = Path(__file__).parents[3]
CHECKED = {
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "GLIBC_TUNABLES": "glibc.malloc.check=3",
    "LD_PRELOAD": "libc_malloc_debug.so.0",
}
"""Any processor is one with AVX2, and what was written past its end is noticed when memory is freed."""
CASES = """
from benchmarks.strided_backward import Case, outcome
cases = Case(inputs=3), Case(inputs=6), Case(inputs=7, size=16), Case(bias=False), Case(stride=(2, 1)), Case(size=64)
for safe in (False, True):
    print(*(outcome(case, safe) for case in cases))
"""


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64" or platform.libc_ver()[0] != "glibc",
    reason="the allocator that checks what is freed is glibc's, and the fault one of x86 processors",
)
def test_nothing_is_written_past_the_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CASES], capture_output=True, text=True, check=False, cwd=ROOT, env=os.environ | CHECKED
    )
    assert done.returncode == 0, done.stderr
    unsafe, safe = map(str.split, done.stdout.splitlines())
    assert safe == ["well"] * 6
    # one alone may have luck
    assert unsafe.count("well") < 4, "PyTorch has changed: see with benchmarks.strided_backward if the rule is needed"


def gradients(run: Callable[..., Tensor], *tensors: Tensor, **options: Any) -> list[Tensor]:
    """Of all the tensors."""
    leaves = [tensor.detach().requires_grad_() for tensor in tensors]
    outputs = run(*leaves, **options)
    slopes = torch.linspace(-1, 1, outputs.numel(), dtype=torch.float64).view(outputs.shape).to(outputs.dtype)
    return list(torch.autograd.grad(outputs, leaves, slopes))


def drawn(*shapes: tuple[int, ...], dtype: torch.dtype = torch.float64) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes]


Convolution = tuple[Callable[..., Tensor], list[tuple[int, ...]], dict[str, Any]]
STRIDED: dict[str, Convolution] = {
    "a shortcut": (F.conv2d, [(2, 3, 8, 8), (5, 3, 1, 1), (5,)], {"stride": 2}),
    "without bias": (F.conv2d, [(2, 3, 8, 8), (5, 3, 1, 1)], {"stride": 2}),
    "strides that divide nothing": (F.conv2d, [(2, 3, 8, 7), (5, 3, 1, 1), (5,)], {"stride": (3, 2)}),
    "one stride": (F.conv2d, [(2, 3, 4, 4), (5, 3, 1, 1), (5,)], {"stride": (1, 2)}),
    "dilation, which means nothing": (F.conv2d, [(2, 3, 4, 4), (5, 3, 1, 1)], {"stride": 2, "dilation": 3}),
    "one image": (F.conv2d, [(3, 8, 8), (5, 3, 1, 1), (5,)], {"stride": 2}),
    "groups": (F.conv2d, [(2, 6, 8, 8), (4, 3, 1, 1), (4,)], {"stride": 2, "groups": 2}),
    "one channel each": (F.conv2d, [(2, 6, 8, 8), (6, 1, 1, 1), (6,)], {"stride": 2, "groups": 6}),
    "no images": (F.conv2d, [(0, 3, 8, 8), (5, 3, 1, 1), (5,)], {"stride": 2}),
    "a line": (F.conv1d, [(2, 3, 9), (5, 3, 1), (5,)], {"stride": 2}),
    "a volume": (F.conv3d, [(2, 3, 4, 4, 4), (5, 3, 1, 1, 1), (5,)], {"stride": 2}),
    "transposed": (F.conv_transpose2d, [(2, 3, 4, 4), (3, 5, 1, 1), (5,)], {"stride": 2, "output_padding": 1}),
    "transposed, with nothing added": (F.conv_transpose2d, [(2, 3, 4, 4), (3, 5, 1, 1), (5,)], {"stride": (3, 1)}),
    "transposed, with more added than the stride": (
        F.conv_transpose2d,
        [(2, 3, 4, 4), (3, 5, 1, 1), (5,)],
        {"stride": 2, "output_padding": 2, "dilation": 3},
    ),
    "transposed, a line in groups": (
        F.conv_transpose1d,
        [(2, 6, 4), (6, 2, 1), (4,)],
        {"stride": 2, "output_padding": 1, "groups": 2},
    ),
    "one stride for all": (
        torch.convolution,
        [(2, 3, 4, 4), (5, 3, 1, 1), (5,)],
        {"stride": [2], "padding": [0], "dilation": [1], "transposed": False, "output_padding": [0], "groups": 1},
    ),
}
OTHERS: dict[str, Convolution] = {
    "3x3": (F.conv2d, [(2, 3, 8, 8), (5, 3, 3, 3), (5,)], {"stride": 2}),
    "1x3": (F.conv2d, [(2, 3, 8, 8), (5, 3, 1, 3), (5,)], {"stride": 2}),
    "stride 1": (F.conv2d, [(2, 3, 8, 8), (5, 3, 1, 1), (5,)], {}),
    "padding": (F.conv2d, [(2, 3, 8, 8), (5, 3, 1, 1), (5,)], {"stride": 2, "padding": 1}),
    "2x2, transposed": (F.conv_transpose2d, [(2, 3, 4, 4), (3, 5, 2, 2), (5,)], {"stride": 2}),
}


DEPTHWISE: dict[str, Convolution] = {
    "5x5": (F.conv2d, [(2, 6, 9, 9), (6, 1, 5, 5), (6,)], {"padding": 2, "groups": 6}),
    "3x3, stride 2": (F.conv2d, [(2, 6, 9, 9), (6, 1, 3, 3)], {"stride": 2, "groups": 6}),
    "1x1, stride 2": (F.conv2d, [(2, 6, 8, 8), (6, 1, 1, 1), (6,)], {"stride": 2, "groups": 6}),
    "two outputs of each channel": (F.conv2d, [(2, 6, 8, 8), (12, 1, 3, 3), (12,)], {"stride": 2, "groups": 6}),
    "transposed": (F.conv_transpose2d, [(2, 6, 4, 4), (6, 1, 3, 3), (6,)], {"stride": 2, "groups": 6}),
    "a line": (F.conv1d, [(2, 6, 9), (6, 1, 5), (6,)], {"groups": 6}),
}


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("name", DEPTHWISE)
def test_depthwise_gradients_in_bfloat16_are_those_of_float32_rounded(name: str, last: bool) -> None:
    run, shapes, options = DEPTHWISE[name]
    tensors = drawn(*shapes, dtype=torch.bfloat16)
    if last and tensors[0].ndim == 4:
        tensors = [each.to(memory_format=torch.channels_last) if each.ndim == 4 else each for each in tensors]
    slopes = torch.randint(-8, 9, run(*tensors, **options).shape, generator=torch.Generator().manual_seed(1))

    def found(dtype: torch.dtype) -> list[Tensor]:
        leaves = [tensor.to(dtype).detach().requires_grad_() for tensor in tensors]
        return list(torch.autograd.grad(run(*leaves, **options), leaves, slopes.to(dtype)))

    wanted = [each.bfloat16() for each in found(torch.float32)]
    with amc.safe_backward():
        got = found(torch.bfloat16)
    assert all(map(torch.equal, got, wanted))


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("name", [*STRIDED, *OTHERS])
def test_gradients_are_those_of_torch(name: str, last: bool) -> None:
    run, shapes, options = {**STRIDED, **OTHERS}[name]
    tensors = drawn(*shapes)
    if last and tensors[0].ndim == 4:
        tensors[0] = tensors[0].to(memory_format=torch.channels_last)
    wanted = gradients(run, *tensors, **options)
    with amc.safe_backward():
        found = gradients(run, *tensors, **options)
        rounded = gradients(run, *(tensor.float() for tensor in tensors), **options)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
    torch.testing.assert_close(rounded, [each.float() for each in wanted], rtol=0, atol=1e-4)
    for one, other in zip(found, wanted, strict=True):
        assert one.stride() == other.stride()


@pytest.mark.parametrize("name", OTHERS)
def test_other_convolutions_are_left_alone(name: str) -> None:
    run, shapes, options = OTHERS[name]
    tensors = drawn(*shapes, dtype=torch.float32)
    wanted = gradients(run, *tensors, **options)
    with amc.safe_backward():
        found = gradients(run, *tensors, **options)
    assert all(map(torch.equal, found, wanted))


@pytest.mark.parametrize("name", ["a shortcut", "transposed"])
@pytest.mark.parametrize("asked", [(True, False, False), (False, True, False), (False, False, True)])
def test_only_what_is_asked_for(name: str, asked: tuple[bool, ...]) -> None:
    run, shapes, options = STRIDED[name]
    tensors = [tensor.requires_grad_(wanted) for tensor, wanted in zip(drawn(*shapes), asked, strict=True)]
    with amc.safe_backward():
        run(*tensors, **options).square().sum().backward()
    assert tuple(tensor.grad is not None for tensor in tensors) == asked


def test_gradients_of_gradients() -> None:
    tensors = [tensor.requires_grad_() for tensor in drawn((2, 2, 4, 4), (3, 2, 1, 1), (3,))]
    with amc.safe_backward():
        assert torch.autograd.gradgradcheck(
            lambda x, weight, bias: F.conv2d(x, weight, bias, stride=2).square(), tensors
        )


def is_on() -> bool:
    """Whether PyTorch's kernel is replaced."""
    return torch._C._dispatch_has_kernel_for_dispatch_key("aten::convolution_backward", "CPU")


def test_it_ends_where_the_block_ends() -> None:
    assert not is_on()
    with amc.safe_backward():
        assert is_on()
        with amc.safe_backward():
            assert is_on()
        assert is_on()
    assert not is_on()
    with pytest.raises(ValueError, match="mine"), amc.safe_backward():
        raise ValueError("mine")
    assert not is_on()


def test_a_thread_ends_it_for_none_of_the_others() -> None:
    inside, leave = threading.Event(), threading.Event()

    def wait() -> None:
        with amc.safe_backward():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=wait)
    thread.start()
    assert inside.wait(10)
    with amc.safe_backward():
        pass
    assert is_on()
    leave.set()
    thread.join()
    assert not is_on()


class Witness(torch.autograd.Function):
    """Hands on what it is given, and notes whether the backward pass through it is a safe one."""

    seen: list[bool]

    @staticmethod
    def forward(_: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(_: Any, *slopes: Tensor) -> Tensor:
        Witness.seen.append(is_on())
        return slopes[0]


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem, self.read = nn.Conv2d(1, 16, 1, stride=2), nn.Conv2d(16, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return Witness.apply(self.read(self.stem(x).relu())).mean(dim=(2, 3))


def trained(network: nn.Module) -> None:
    images = ResidentImages(torch.randn(8, 1, 4, 4), torch.arange(8) % 3)
    recipe = Recipe(1, 8, 0.1, 0.0, 0.0, Augmentation(0, flip=False), seed=0)
    for _ in Training(network, images, recipe, torch.device("cpu")).rest_of_epoch():
        pass


def checked(network: nn.Module) -> None:
    assert amc.analyse(network.eval(), torch.randn(2, 1, 4, 4)).groups


def judged(network: nn.Module) -> None:
    images = torch.randn(8, 1, 4, 4)
    CRITERIA["taylor"](Evidence(network.eval(), amc.analyse(network, images), [images]))


@pytest.mark.parametrize("work", [trained, checked, judged])
def test_the_backward_passes_of_this_package_are_safe(work: Callable[[nn.Module], None]) -> None:
    Witness.seen = []
    work(Net())
    assert Witness.seen
    assert all(Witness.seen)
