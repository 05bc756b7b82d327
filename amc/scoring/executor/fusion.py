"""Neighbours on a tape as one operator: a convolution, the sum with a shortcut, and the activation behind them.

oneDNN, which runs PyTorch's convolutions on processors, applies both to what it has just computed, so that nothing is
written to memory and read again. Convolutions with few outputs compute two pixels at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from amc.scoring.executor.operator_program import OperatorProgram
from amc.scoring.executor.operator_trace import (
    CONVOLUTION,
    GROUPS,
    NoProgramError,
    OperatorTrace,
    Slot,
    Step,
    convolution,
    joined,
)

aten = torch.ops.aten
ACTIVATIONS: dict[Any, tuple[str, list[float]]] = {
    aten.relu.default: ("relu", []),
    aten.relu_.default: ("relu", []),
    aten.hardtanh.default: ("hardtanh", [-1.0, 1.0]),
    aten.hardtanh_.default: ("hardtanh", [-1.0, 1.0]),
    aten.hardswish.default: ("hardswish", []),
    aten.hardswish_.default: ("hardswish", []),
    aten.silu.default: ("swish", []),
    aten.silu_.default: ("swish", []),
}
"""Activations by operator: oneDNN's name, and what their other arguments are if not given."""
BEHIND_SUMS = {aten.relu.default, aten.relu_.default}
"""Those of them that can follow a sum."""
SUMS = {aten.add.Tensor, aten.add_.Tensor}
TRANSPOSED = 6
"""Which argument of a convolution says that it is a transposed one."""
HALF_A_VECTOR = 8 if "AVX512" in torch.backends.cpu.get_cpu_capability() else 4
"""Channels that fill half of what the processor multiplies at once."""
WIDE = 32
"""Pixels in a row, from which on it pays to compute two together."""
Change = Callable[[Sequence[Step], Sequence[str]], list[Step]]
"""Makes other steps of steps, given the names of parameters and buffers by slot. It may raise NoProgramError."""
MOST_WATCHED = 8
"""Images that a network is watched on, at the most."""
TOLERANCES = {torch.float32: 1e-4, torch.bfloat16: 0.05}
"""How far what is played may be from what a network computes, relative to the largest output."""


def fused_program(networks: Iterable[nn.Module], x: Tensor, change: Change | None = None) -> OperatorProgram | None:
    """A tape of fused steps for all networks between two of one kind, the widest and the narrowest.

    Args:
        networks: The two; the second may be made when the first is not needed any more.
        x: Inputs.
        change: What is done with the steps before they are fused.

    Returns:
        None where there is no tape, it does not compute the same, or the inputs are not on the processor in one of
        `TOLERANCES`.
    """
    if x.device.type != "cpu" or x.dtype not in TOLERANCES:
        return None
    recordings = []
    images = x if len(x) >= MOST_WATCHED else torch.cat([x] * MOST_WATCHED)
    try:
        for count, network in enumerate(networks, MOST_WATCHED - 1):  # more where it is narrower: no width grows
            recordings.append(OperatorTrace(network, images[:count]))
            narrowest = network
        one, other = recordings
        steps = joined(one, other)
        if change is not None:
            steps = change(steps, one.names)
        steps = fused(steps, one.shapes, one.output)
        program = OperatorProgram(steps, one.names, one.shapes, one.output)
        with torch.inference_mode():
            played, wanted = program.of(narrowest)(x), narrowest(x)
    except (NoProgramError, RuntimeError):  # RuntimeError: oneDNN can't do it, or was not built in
        return None
    furthest = TOLERANCES[x.dtype] * float(wanted.abs().max())
    return program if torch.allclose(played, wanted, rtol=0, atol=furthest) else None


def fused(steps: Sequence[Step], shapes: Mapping[int, torch.Size], output: int) -> list[Step]:
    """The same computation in fewer steps, for images on the processor whose channels are last.

    Args:
        steps: Of a tape.
        shapes: Of what they return, by slot.
        output: The slot of what the tape returns.
    """
    reads = Counter([output, *(slot for step in steps for slot in step.reads)])
    reader = {slot: place for place, step in enumerate(steps) for slot in step.reads if reads[slot] == 1}
    left = dict(enumerate(steps))
    for place in reversed(range(len(steps))):  # of two convolutions that are added, the later one does it
        if not _is_convolution(steps[place], shapes):
            continue
        chain = [place, *_behind(place, left, reader, shapes)]
        between = set(range(place, chain[-1])) - set(chain)
        if any(steps[each].changes_arguments for each in between):
            chain = [place]
        left[chain[-1]] = _as_one(*[left.pop(each) for each in chain])
    return [left[place] for place in sorted(left)]


def _is_convolution(step: Step, shapes: Mapping[int, torch.Size]) -> bool:
    """Whether it is one over images."""
    known = step.function in (CONVOLUTION, convolution)
    return known and not step.args[TRANSPOSED] and len(shapes[step.out[0]]) == 4


def _behind(
    place: int, left: Mapping[int, Step], reader: Mapping[int, int], shapes: Mapping[int, torch.Size]
) -> list[int]:
    """The places of the sum and of the activation that alone read what the convolution there returns, if any."""
    found = []
    slot = left[place].out[0]
    follower = reader.get(slot, -1)
    known: Container[Any] = ACTIVATIONS
    adds = left[place].args[GROUPS] == 1 and shapes[slot][2:] != (1, 1)  # else PyTorch does not add in the same step
    if adds and follower in left and _other_summand(left[follower], slot, shapes) is not None:
        found.append(follower)
        follower = reader.get(left[follower].out[0], -1)
        known = BEHIND_SUMS
    if follower in left and left[follower].function in known:
        found.append(follower)
    return found


def _other_summand(step: Step, slot: int, shapes: Mapping[int, torch.Size]) -> Slot | None:
    """What of the same shape is added to a slot; None if the step does something else."""
    if step.function not in SUMS or step.kwargs or not all(isinstance(each, Slot) for each in step.args):
        return None
    one, two = step.args
    other: Slot = two if one.number == slot else one
    overwrites = step.changes_arguments and one.number != slot  # another's tensor, of which there may be views
    return None if overwrites or shapes.get(other.number) != shapes[slot] else other


def _as_one(step: Step, *behind: Step) -> Step:
    x, weight, bias, stride, padding, dilation, _, _, groups = step.args
    other, activation, scalars = None, None, []
    for each in behind:
        if each.function in SUMS:
            other = next(slot for slot in each.args if slot.number != step.out[0])
        else:
            activation, defaults = ACTIVATIONS[each.function]
            given = list(each.args[1:])
            scalars = given + defaults[len(given) :]
    args = (x, weight, bias, other, stride, padding, dilation, groups, activation, scalars)
    return Step(_convolution, args, {}, (step, *behind)[-1].out, returns_new=True)


def _convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    other: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int | None,
    activation: str | None,
    scalars: Sequence[float],
) -> Tensor:
    """The activation of a convolution and of what is added to it; without `groups` they follow from the weight."""
    groups = groups or x.shape[1] // weight.shape[1]
    operator = torch.ops.mkldnn._convolution_pointwise
    if other is not None:
        summed = "add", 1.0, activation, scalars, ""
        out: Tensor = operator.binary(x, other, weight, bias, padding, stride, dilation, groups, *summed)
        return out
    in_pairs = len(weight) <= HALF_A_VECTOR and groups == 1 and _pairs_of_pixels(x, weight, stride, padding, dilation)
    if in_pairs:
        weight = torch.cat([F.pad(weight, (0, 1)), F.pad(weight, (1, 0))]).contiguous(memory_format=torch.channels_last)
        bias, stride = None if bias is None else bias.repeat(2), (1, 2)
    out = operator(x, weight, bias, padding, stride, dilation, groups, activation or "none", scalars, "")
    if in_pairs:
        n, channels, height, width = out.shape
        out = out.permute(0, 2, 3, 1).view(n, height, 2 * width, channels // 2).permute(0, 3, 1, 2)
    return out


def _pairs_of_pixels(
    x: Tensor, weight: Tensor, stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int]
) -> bool:
    """Whether two neighbours of a row can be computed as the channels of one pixel, and it is worth it.

    Channels lie last, so what comes out lies in memory as it would one by one, while the few channels of a narrow layer
    fill the processor's vectors twice as well.
    """
    wide = x.shape[3] >= WIDE and x.shape[3] % 2 == 0
    same_width = weight.shape[3] == 2 * padding[-1] + 1 and list(stride) == [1, 1] and list(dilation) == [1, 1]
    return wide and same_width and x.is_contiguous(memory_format=torch.channels_last)
