"""A network's list of operators, to be run again without the Python code that it is made of.

A tape is played for any compact network of one kind, and for any number of images. Where all that comes later follows
from a single tensor, it can be left and taken up again: a cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from amc.scoring.executor.operator_trace import Images, Slot, Step, held


class SplitPoint(NamedTuple):
    """A place on a tape where all that comes later follows from one tensor of as many images as the input.

    Attributes:
        steps: How many are before it.
        slot: Of the tensor, `(n, c, h, w)`.
        shape: Of one image in it, for the widest network.
        names: Parameters and buffers that are read since the cut before it.
        is_left: Whether no later step can change the tensor.
    """

    steps: int
    slot: int
    shape: torch.Size
    names: tuple[str, ...]
    is_left: bool


class OperatorProgram:
    """Plays what networks of one kind run.

    Args:
        steps: What runs, in order.
        names: Parameters and buffers, which have the first slots; the input has the next one.
        shapes: Of all tensors, by slot; the images of an input must have the shape of those here.
        output: The slot of what is returned.

    Attributes:
        cuts: Where it can be left and taken up again, in order.
    """

    def __init__(
        self, steps: Sequence[Step], names: Sequence[str], shapes: Mapping[int, torch.Size], output: int
    ) -> None:
        self.names = names
        self.image_shape = shapes[len(names)][1:]
        self._input = len(names)
        self._output = output
        self._count = 1 + max([output, *(slot for step in steps for slot in step.out)])
        self._steps = list(zip(steps, _last_uses(steps, len(names), output), strict=True))
        self.cuts = list(self._cuts(shapes))

    def _cuts(self, shapes: Mapping[int, torch.Size]) -> Iterator[SplitPoint]:
        needed: set[int] = {self._input}
        read: dict[int, None] = {}
        for place, (step, last_used) in enumerate(self._steps):
            needed = needed.union(step.out) - set(last_used)
            read |= dict.fromkeys(slot for slot in step.reads if slot < self._input)
            if len(needed) == 1:
                (slot,) = needed
                count, *image = shapes[slot]
                if len(image) == 3 and count == shapes[self._input][0]:
                    names = tuple(self.names[each] for each in read)
                    yield SplitPoint(place + 1, slot, torch.Size(image), names, self._is_left(place + 1, slot))
                    read = {}

    def _is_left(self, begin: int, slot: int) -> bool:
        """Whether no step from there on can change a tensor, or what may be a view of it."""
        views = {slot}
        for step, _ in self._steps[begin:]:
            if views.intersection(step.reads):
                if step.changes_arguments:
                    return False
                if not step.returns_new:
                    views.update(step.out)
        return True

    def of(self, network: nn.Module) -> BoundProgram:
        """What computes as `network` does."""
        return BoundProgram(self, network)

    def play(
        self, tensors: Sequence[Tensor], x: Tensor, begin: SplitPoint | None = None, end: SplitPoint | None = None
    ) -> Tensor:
        """What is at the cut `end`, or at the very end.

        Args:
            tensors: Parameters and buffers, as in `names`.
            x: The input, or what is at the cut `begin`. It may be changed where a step changes it.
            begin: Where to take up the tape; None for its beginning.
            end: Where to leave it; None for its end.
        """
        values: list[Any] = [*tensors, *[None] * (self._count - len(tensors)), len(x)]
        values[self._input if begin is None else begin.slot] = x
        first, last = begin and begin.steps, end and end.steps
        for step, last_used in self._steps[first:last]:
            out = step.function(*_filled(step.args, values), **{k: _filled(v, values) for k, v in step.kwargs.items()})
            for slot, tensor in zip(step.out, out if step.returns_many else [out], strict=True):
                values[slot] = tensor
            for slot in last_used:
                values[slot] = None
        result: Tensor = values[self._output if end is None else end.slot]
        return result


class BoundProgram:
    """A tape for one network.

    Attributes:
        tensors: The parameters and buffers of the network, by name.
    """

    def __init__(self, program: OperatorProgram, network: nn.Module) -> None:
        self._program, self._network = program, network
        self.tensors = held(network)
        self._held = [self.tensors[name] for name in program.names]

    def __call__(self, x: Tensor) -> Tensor:
        """What the network returns. Images of another shape than the tape's are left to the network."""
        if x.shape[1:] != self._program.image_shape:
            out: Tensor = self._network(x)
            return out
        return self._program.play(self._held, x)

    def until(self, cut: SplitPoint, x: Tensor) -> Tensor:
        """What is at a cut, of images that have the tape's shape."""
        return self._program.play(self._held, x, end=cut)

    def since(self, cut: SplitPoint, tensor: Tensor) -> Tensor:
        """What the network returns for what was at a cut; the tensor may be changed unless the cut says otherwise."""
        return self._program.play(self._held, tensor, begin=cut)


def _filled(argument: Any, values: Sequence[Any]) -> Any:
    """An argument, or the sequence of all arguments, with what slots stand for; the last of `values` counts images."""
    if type(argument) is Slot:
        return values[argument.number]
    if type(argument) is Images:
        return argument.times * values[-1]
    if type(argument) in (list, tuple):
        return [_filled(each, values) for each in argument]
    return argument


def _last_uses(steps: Sequence[Step], first: int, output: int) -> list[list[int]]:
    """For each step the slots, from `first` on, that no later one reads."""
    last = {slot: place for place, step in enumerate(steps) for slot in (*step.out, *step.reads)}
    uses: list[list[int]] = [[] for _ in steps]
    for slot, place in last.items():
        if slot >= first and slot != output:
            uses[place].append(slot)
    return uses
