"""A list of operators that computes what any compact network of one network does, without its Python code.

It runs for any number of images. Where all that comes later follows from a single tensor, it can be stopped and
continued: at a split point.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from amc.pruning.slicing import named_tensors
from amc.replay.operator_trace import Slot, Step
from amc.replay.trace_merging import BatchMultiple


class Place(NamedTuple):
    """A place in a program where all that comes later follows from one tensor.

    Attributes:
        steps: The number of steps before it.
        slot: The slot of the tensor.
    """

    steps: int
    slot: int


class SplitPoint(NamedTuple):
    """A place in a program where all that comes later follows from one tensor of as many images as the input.

    Attributes:
        steps: The number of steps before it.
        slot: The slot of the tensor, `(n, c, h, w)`.
        shape: The tensor's shape for one image, in the widest network.
        names: Parameters and buffers that are read between the previous split point and this one.
        is_final: Whether no later step can change the tensor.
    """

    steps: int
    slot: int
    shape: torch.Size
    names: tuple[str, ...]
    is_final: bool

    @property
    def place(self) -> Place:
        """Where it is."""
        return Place(self.steps, self.slot)


class OperatorProgram:
    """The operators of all compact networks of one network.

    Args:
        steps: What runs, in order.
        names: Parameters and buffers, which have the first slots; the input has the next one.
        shapes: The shape of every tensor, by slot; the images of an input must have the shape of those here.
        output: The slot of what is returned.

    Attributes:
        names: Parameters and buffers, in the order of their slots.
        image_shape: The shape of one image of the input.
        split_points: Where the program can be stopped and continued, in order.
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
        self.split_points = list(self._split_points(shapes))

    def _split_points(self, shapes: Mapping[int, torch.Size]) -> Iterator[SplitPoint]:
        read: dict[int, None] = {}
        steps = [step for step, _ in self._steps]
        for place, (step, needed) in enumerate(zip(steps, needed_slots(steps, self._input, self._output), strict=True)):
            read |= dict.fromkeys(slot for slot in step.reads if slot < self._input)
            if len(needed) == 1:
                (slot,) = needed
                images, image = shapes[slot][:1], shapes[slot][1:]
                if len(image) == 3 and images == shapes[self._input][:1]:
                    names = tuple(self.names[each] for each in read)
                    yield SplitPoint(place + 1, slot, image, names, self._is_final(place + 1, slot))
                    read = {}

    def _is_final(self, begin: int, slot: int) -> bool:
        """Whether no step from `begin` on can change a tensor, or what may be a view of it."""
        views = {slot}
        for step, _ in self._steps[begin:]:
            if views.intersection(step.reads):
                if step.changes_arguments:
                    return False
                if not step.returns_new:
                    views.update(step.out)
        return True

    def bind(self, network: nn.Module) -> BoundProgram:
        """The program with the parameters and buffers of `network`: it computes what the network does."""
        return BoundProgram(self, network)

    def run(self, tensors: Sequence[Tensor], x: Tensor, begin: Place | None = None, end: Place | None = None) -> Tensor:
        """Run the steps from one place to another, and return the tensor at the latter.

        Args:
            tensors: Parameters and buffers, in the order of `names`.
            x: The input, or the tensor at `begin`. It may be changed where a step changes it.
            begin: Where to start; None for the first step.
            end: Where to stop; None for the network's output.
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
    """A program with the tensors of one network.

    Args:
        program: The program.
        network: A network that it computes.

    Attributes:
        tensors: The parameters and buffers of the network, by name.
    """

    def __init__(self, program: OperatorProgram, network: nn.Module) -> None:
        self._program, self._network = program, network
        self.tensors = named_tensors(network)
        self._ordered = [self.tensors[name] for name in program.names]

    def __call__(self, x: Tensor) -> Tensor:
        """The network's output for `x`; images of another shape than the program's are run by the network itself."""
        if x.shape[1:] != self._program.image_shape:
            out: Tensor = self._network(x)
            return out
        return self._program.run(self._ordered, x)

    def run_until(self, point: SplitPoint, x: Tensor) -> Tensor:
        """The tensor at a split point for images `x`, which have the program's shape."""
        return self._program.run(self._ordered, x, end=point.place)

    def run_from(self, point: SplitPoint, tensor: Tensor) -> Tensor:
        """The network's output for the tensor at a split point, which may be changed unless the point `is_final`."""
        return self._program.run(self._ordered, tensor, begin=point.place)


def _filled(argument: Any, values: Sequence[Any]) -> Any:
    """An argument, or the sequence of all arguments, with values for placeholders; the last value counts images."""
    if type(argument) is Slot:
        return values[argument.number]
    if type(argument) is BatchMultiple:
        return argument.times * values[-1]
    if type(argument) in (list, tuple):
        return [_filled(each, values) for each in argument]
    return argument


def needed_slots(steps: Sequence[Step], given: int, output: int) -> Iterator[set[int]]:
    """The slots that later steps read, or that are returned, behind each step, but for parameters and buffers.

    Args:
        steps: The steps of a program.
        given: The slot of its input.
        output: The slot of what it returns.
    """
    needed: set[int] = {given}
    for step, last_used in zip(steps, _last_uses(steps, given, output), strict=True):
        needed = needed.union(step.out) - set(last_used)
        yield needed


def _last_uses(steps: Sequence[Step], first: int, output: int) -> list[list[int]]:
    """The slots, from `first` on, that no later step reads, for each step."""
    last = {slot: place for place, step in enumerate(steps) for slot in (*step.out, *step.reads)}
    uses: list[list[int]] = [[] for _ in steps]
    for slot, place in last.items():
        if slot >= first and slot != output:
            uses[place].append(slot)
    return uses
