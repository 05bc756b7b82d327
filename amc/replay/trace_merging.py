"""Merges two traces of a network, at its largest and its smallest widths, into steps valid for all widths between.

Two compact networks are traced, one of the full widths and one of the least, on different numbers of images. What they
run differs in numbers that follow from the widths, such as the sizes of a view and the groups of a convolution, or that
are multiples of the number of images; those are left open. A network that runs other operators at other widths, or in
which any other number follows from them, has no such steps.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch.utils._pytree import tree_leaves

from amc.replay.operator_trace import NoProgramError, OperatorTrace, Step
from amc.replay.sizeless_operators import CONVOLUTION, GROUPS, convolution

aten = torch.ops.aten
RESHAPING = {aten.view.default, aten._unsafe_view.default, aten.reshape.default, aten.expand.default}
"""Operators whose second argument may have one size left open, as -1."""
WIDTH = object()
"""The placeholder for a number that follows from the widths."""


class BatchMultiple(NamedTuple):
    """A placeholder for `times` times the number of images."""

    times: int


def merged_steps(one: OperatorTrace, other: OperatorTrace) -> list[Step]:
    """Merge two traces of a network into steps that are valid for all widths between theirs.

    Numbers that follow from the widths, or are multiples of the number of images, are left open in the steps.

    Args:
        one: The trace of one set of widths.
        other: The trace of other widths, on another number of images.

    Raises:
        NoProgramError: The traces differ in anything else, or in a number that can't be left open.
    """
    if len(one.steps) != len(other.steps) or one.names != other.names or one.output != other.output:
        raise NoProgramError("it runs other operators at other widths")
    images = one.images, other.images
    return [_merged_step(*steps, images) for steps in zip(one.steps, other.steps, strict=True)]


def _merged_step(one: Step, other: Step, images: tuple[int, int]) -> Step:
    if (one.function, one.out, one.kwargs) != (other.function, other.out, other.kwargs):
        raise NoProgramError("it runs other operators at other widths")
    args = [_merged_argument(*pair, images) for pair in zip(one.args, other.args, strict=True)]
    if one.function in RESHAPING and args[1].count(WIDTH) == 1:
        args[1] = [-1 if size is WIDTH else size for size in args[1]]
    elif one.function == CONVOLUTION and args[GROUPS] is WIDTH:
        args[GROUPS] = None
        one = replace(one, function=convolution)
    if WIDTH in tree_leaves(args):
        raise NoProgramError(f"an argument of {one.function} follows from the widths")
    return replace(one, args=tuple(args))


def _merged_argument(here: Any, there: Any, images: tuple[int, int]) -> Any:
    """Return the argument itself where both are equal, else a multiple of the number of images, else `WIDTH`."""
    if here == there:
        return here
    if isinstance(here, list) and isinstance(there, list) and len(here) == len(there):
        return [_merged_argument(*pair, images) for pair in zip(here, there, strict=True)]
    if isinstance(here, int) and isinstance(there, int) and here % images[0] == 0:
        times = here // images[0]
        return BatchMultiple(times) if there == times * images[1] else WIDTH
    return WIDTH
