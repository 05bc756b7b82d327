"""Fuses neighbouring steps of a program: a convolution, the sum with a shortcut, and the activation behind them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from typing import Any

import torch

from amc.replay.operator_trace import Slot, Step
from amc.replay.sizeless_operators import CONVOLUTION, GROUPS, TRANSPOSED, convolution
from amc.scoring.executor.fused_convolution import ConvolutionOptions, fused_convolution

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
"""Activations by operator: oneDNN's name, and the defaults of their other arguments."""
BEHIND_SUMS = {aten.relu.default, aten.relu_.default}
"""The activations that can follow a sum."""
SUMS = {aten.add.Tensor, aten.add_.Tensor}


def fuse_steps(steps: Sequence[Step], shapes: Mapping[int, torch.Size], output: int) -> list[Step]:
    """Return the same computation in fewer steps, for channels-last images on the CPU.

    Steps that can't be fused are returned as they are.

    Args:
        steps: The steps of a program.
        shapes: The shape of every tensor, by slot.
        output: The slot of what the program returns.
    """
    reads = Counter([output, *(slot for step in steps for slot in step.reads)])
    reader = {slot: place for place, step in enumerate(steps) for slot in step.reads if reads[slot] == 1}
    left = dict(enumerate(steps))
    for place in reversed(range(len(steps))):  # of two convolutions that are added, the later one does it
        if not _is_convolution(steps[place], shapes):
            continue
        chain = [place, *_fusible_behind(place, left, reader, shapes)]
        between = set(range(place, chain[-1])) - set(chain)
        if any(steps[each].changes_arguments for each in between):
            chain = [place]
        left[chain[-1]] = _as_one(*[left.pop(each) for each in chain])
    return [left[place] for place in sorted(left)]


def _is_convolution(step: Step, shapes: Mapping[int, torch.Size]) -> bool:
    """Return whether a step is a convolution over images that is not transposed."""
    known = step.function in (CONVOLUTION, convolution)
    return known and not step.args[TRANSPOSED] and len(shapes[step.out[0]]) == 4


def _fusible_behind(
    place: int, left: Mapping[int, Step], reader: Mapping[int, int], shapes: Mapping[int, torch.Size]
) -> list[int]:
    """Return the places of the sum and the activation that alone read what the convolution at `place` returns."""
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
    """Return the tensor of the same shape that a step adds to a slot; None if the step does something else."""
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
    options = ConvolutionOptions(stride, padding, dilation, groups, activation, scalars)
    return Step(fused_convolution, (x, weight, bias, other, options), {}, (step, *behind)[-1].out, returns_new=True)
