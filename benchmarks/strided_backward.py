"""The backward passes of convolutions that write past their memory on this processor, counted by kind.

Each case runs in a process of its own, which may die. Run it under an allocator that checks what is freed, and limit
oneDNN to the instructions of another processor with `ONEDNN_MAX_CPU_ISA`:

    export GLIBC_TUNABLES=glibc.malloc.check=3 LD_PRELOAD=libc_malloc_debug.so.0
    ONEDNN_MAX_CPU_ISA=AVX2 python -m benchmarks.strided_backward
    ONEDNN_MAX_CPU_ISA=AVX2 python -m benchmarks.strided_backward --safe
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

import amc
from scripts.command.cli import parse

WIDTHS = (1, 3, 7, 8, 15, 16, 24)
OUTPUTS = (6, 24)
MAPS = (8, 64)
LIMIT = 60
"""The seconds after which a case counts as hanging."""
TOLERANCES = {torch.float32: 1e-3, torch.bfloat16: 0.05, torch.float16: 0.05}
"""The largest accepted difference to float64, relative to the largest value, by number format."""
WRONG, REFUSED = 3, 4
"""The exit statuses of processes whose gradients are wrong, and whose convolution PyTorch refuses."""
OUTCOMES = {0: "well", WRONG: "wrong", REFUSED: "refused", -signal.SIGALRM: "hangs"}
FORWARD: dict[tuple[int, bool], Callable[..., Tensor]] = {
    (1, False): F.conv1d,
    (2, False): F.conv2d,
    (3, False): F.conv3d,
    (1, True): F.conv_transpose1d,
    (2, True): F.conv_transpose2d,
    (3, True): F.conv_transpose3d,
}


@dataclass(frozen=True)
class Case:
    """A convolution of maps `(batch, inputs, *size)`, with `size` pixels in each spatial dimension.

    Attributes:
        output_padding: The output padding of a transposed convolution; None for one that is not transposed.
        groups: The number of groups; 0 for as many as there are input channels.
        odd: Whether maps are one pixel smaller, so that strides do not divide them.
        channels_last: Whether channels of maps and weights lie last in memory.
    """

    kernel: tuple[int, ...] = (1, 1)
    stride: tuple[int, ...] = (2, 2)
    padding: tuple[int, ...] = (0, 0)
    output_padding: tuple[int, ...] | None = None
    groups: int = 1
    odd: bool = False
    channels_last: bool = True
    dtype: torch.dtype = torch.float32
    bias: bool = True
    threads: int = 1
    batch: int = 4
    inputs: int = 4
    outputs: int = 8
    size: int = 8


LINE = Case(kernel=(1,), stride=(2,), padding=(0,))
VOLUME = Case(kernel=(1, 1, 1), stride=(2, 2, 2), padding=(0, 0, 0))
KINDS = {
    "1x1, stride 2": Case(),
    "1x1, stride 2, two threads": Case(threads=2),
    "1x1, stride 2, batches of 1": Case(batch=1),
    "1x1, stride 2, without bias": Case(bias=False),
    "1x1, stride 2, not channels last": Case(channels_last=False),
    "1x1, stride 2, odd maps": Case(odd=True),
    "1x1, stride 2, padding 1": Case(padding=(1, 1)),
    "1x1, stride 2, bfloat16": Case(dtype=torch.bfloat16),
    "1x1, stride 2, float16": Case(dtype=torch.float16),
    "1x1, stride 2, 2 groups": Case(groups=2),
    "1x1, stride 2, depthwise": Case(groups=0),
    "1x1, stride 4": Case(stride=(4, 4)),
    "1x1, stride 3": Case(stride=(3, 3)),
    "1x1, strides 2 and 1": Case(stride=(2, 1)),
    "1x1, strides 1 and 2": Case(stride=(1, 2)),
    "1x1, stride 1": Case(stride=(1, 1)),
    "1x1, transposed, stride 2": Case(output_padding=(0, 0)),
    "1x1, transposed, stride 2, output padding 1": Case(output_padding=(1, 1)),
    "2x2, stride 2": Case(kernel=(2, 2)),
    "2x2, transposed, stride 2": Case(kernel=(2, 2), output_padding=(0, 0)),
    "1x3, stride 2": Case(kernel=(1, 3), padding=(0, 1)),
    "3x3, stride 2": Case(kernel=(3, 3), padding=(1, 1)),
    "3x3, stride 2, depthwise": Case(kernel=(3, 3), padding=(1, 1), groups=0),
    "3x3, stride 1": Case(kernel=(3, 3), stride=(1, 1), padding=(1, 1)),
    "1 of a line, stride 2": LINE,
    "1 of a line, stride 2, not channels last": replace(LINE, channels_last=False),
    "3 of a line, stride 2": replace(LINE, kernel=(3,), padding=(1,)),
    "1x1x1, stride 2": VOLUME,
    "1x1x1, stride 2, not channels last": replace(VOLUME, channels_last=False),
    "3x3x3, stride 2": replace(VOLUME, kernel=(3, 3, 3), padding=(1, 1, 1)),
}


@dataclass(frozen=True)
class Arguments:
    """Count the cases that end their process, for each kind of convolution; print a table in Markdown."""

    safe: bool = False
    """Run them inside amc.safe_backward()."""
    only: str = ""
    """Kinds whose names contain this."""


def cases(kind: Case) -> Iterator[Case]:
    """The cases of a kind: all widths, and maps of all sizes."""
    dims = len(kind.kernel)
    for inputs, outputs, size in itertools.product(WIDTHS, OUTPUTS, MAPS):
        size = {1: size * size, 2: size, 3: size // 4}[dims] - kind.odd
        groups = kind.groups or inputs
        wide = inputs * groups if kind.groups else inputs
        yield replace(kind, inputs=wide, outputs=outputs if kind.groups else inputs, size=size, groups=groups)


def outcome(case: Case, safe: bool) -> str:
    """The fate of a process that runs the case: a value of `OUTCOMES`, or "dies"."""
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())  # glibc's last words
        signal.alarm(LIMIT)
        try:
            os._exit(0 if _right(case, safe) else WRONG)
        except RuntimeError:
            os._exit(REFUSED)
    return OUTCOMES.get(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), "dies")


def _right(case: Case, safe: bool) -> bool:
    """Whether three backward passes in a row have the gradients of float64."""
    torch.set_num_threads(case.threads)
    generator = torch.Generator().manual_seed(0)
    transposed = case.output_padding is not None
    sides = (case.inputs, case.outputs) if transposed else (case.outputs, case.inputs)
    shapes = (
        (case.batch, case.inputs, *(case.size for _ in case.kernel)),
        (sides[0], sides[1] // case.groups, *case.kernel),
        (case.outputs,),
    )
    tensors = [torch.randn(shape, generator=generator).to(case.dtype) for shape in shapes]
    wanted = _gradients(case, [tensor.double() for tensor in tensors])
    for _ in range(3):
        with amc.safe_backward() if safe else contextlib.nullcontext():
            found = _gradients(case, [_last(tensor) if case.channels_last else tensor for tensor in tensors])
        for got, want in zip(found, wanted, strict=True):
            worst = float((got.double() - want).abs().max() / want.abs().max().clamp(min=1e-30))
            if not worst <= TOLERANCES[case.dtype]:
                return False
        del found
    return True


def _gradients(case: Case, tensors: list[Tensor]) -> list[Tensor]:
    """The gradients of inputs, weights and bias."""
    inputs, weight, bias = (tensor.detach().requires_grad_() for tensor in tensors)
    options: dict[str, Any] = {"stride": case.stride, "padding": case.padding, "groups": case.groups}
    if case.output_padding is not None:
        options["output_padding"] = case.output_padding
    forward = FORWARD[len(case.kernel), case.output_padding is not None]
    outputs = forward(inputs, weight, bias if case.bias else None, **options)
    slopes = torch.linspace(-1, 2, outputs.numel(), dtype=torch.float64).view(outputs.shape).to(outputs.dtype)
    outputs.backward(slopes)
    return [tensor.grad for tensor in (inputs, weight, bias) if tensor.grad is not None]


def _last(tensor: Tensor) -> Tensor:
    """A tensor of the same numbers whose channels lie behind the other dimensions in memory."""
    return tensor.movedim(1, -1).contiguous().movedim(-1, 1) if tensor.ndim > 2 else tensor


def main() -> None:
    """Run as a command."""
    arguments = parse(Arguments, None)
    print(
        "| convolution | cases | die | hang | wrong | channels in (out) of those |\n|---|---|---|---|---|---|",
        flush=True,
    )
    for name, kind in KINDS.items():
        if arguments.only not in name:
            continue
        ends = {case: outcome(case, arguments.safe) for case in cases(kind)}
        count = Counter(ends.values())
        bad = [case for case, end in ends.items() if end not in ("well", "refused")]
        widths = [sorted({case.inputs for case in bad}), sorted({case.outputs for case in bad})]
        words = "{} ({})".format(*(", ".join(map(str, each)) for each in widths)) if bad else "none"
        print(f"| {name} | {len(ends)} | {count['dies']} | {count['hangs']} | {count['wrong']} | {words} |", flush=True)
        if count["refused"]:
            print(f"{count['refused']} of {name} are refused", file=sys.stderr)


if __name__ == "__main__":
    main()
