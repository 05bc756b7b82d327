"""A network as the list of operators that it runs, to be run again without the Python code that it is made of.

Two compact networks of one network are watched at the ATen level, one of the full widths and one of the least. What
they run differs in numbers that follow from the widths, such as the sizes of a view and the groups of a convolution;
those are left open, and worked out when the tape is played for any other compact network. A network that runs other
operators at other widths, or in which any other number follows from them, has no tape.

Where all that comes later follows from a single tensor, a tape can be left and taken up again: a cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.weak import WeakTensorKeyDictionary

from amc.graph.watch import plain_attention

aten = torch.ops.aten
CONVOLUTION = aten.convolution.default
GROUPS = 8
"""Which argument of a convolution its groups are."""
RESHAPING = {aten.view.default, aten._unsafe_view.default, aten.reshape.default, aten.expand.default}
"""Operators whose second argument may have one size left open."""


class NoTapeError(Exception):
    """A network can't be played from a tape; the message says why."""


class Slot(NamedTuple):
    """Stands for a tensor."""

    number: int


@dataclass(frozen=True, eq=False)
class Step:
    """One operator: what it is called with, slots in place of tensors, and the slots of what it returns.

    `returns_new` says that this is surely no view of an argument.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    out: tuple[int, ...]
    returns_many: bool = False
    changes_arguments: bool = False
    returns_new: bool = False

    @property
    def reads(self) -> list[int]:
        """The slots among its arguments."""
        leaves = tree_leaves((self.args, self.kwargs), is_leaf=_is_slot)
        return [leaf.number for leaf in leaves if _is_slot(leaf)]


class Recording(TorchDispatchMode):
    """Notes what a network runs on an input.

    Raises:
        NoTapeError: an operator whose result does not follow from its arguments, a tensor that is no parameter or
            buffer, several outputs.

    Attributes:
        steps: What ran, in order.
        names: Parameters and buffers, which have the first slots; the input has the next one.
        shapes: Of all tensors, by slot.
        output: The slot of what the network returned.
    """

    def __init__(self, network: nn.Module, x: Tensor) -> None:
        super().__init__()
        held = _held(network)
        self.steps: list[Step] = []
        self.names = list(held)
        self._numbers = count()
        self._slots = WeakTensorKeyDictionary()
        self.shapes: dict[int, torch.Size] = {}
        for tensor in (*held.values(), x):
            self._number(tensor)
        with torch.no_grad(), plain_attention(), self:
            out = network(x)
        if not isinstance(out, Tensor):
            raise NoTapeError("it returns more than one tensor")
        self.output = self._slots[out]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if {torch.Tag.data_dependent_output, torch.Tag.nondeterministic_seeded} & set(func.tags):
            raise NoTapeError(f"{func} does not follow from its arguments")
        slot_args, slot_kwargs = tree_map(self._slot, (tuple(args), kwargs or {}))
        out = func(*args, **(kwargs or {}))
        returned = out if isinstance(out, list | tuple) else [out]
        slots = tuple(self._number(tensor) for tensor in returned)
        known = returned is out, func._schema.is_mutable, func is CONVOLUTION
        self.steps.append(Step(func, slot_args, slot_kwargs, slots, *known))
        return out

    def _number(self, tensor: Tensor) -> int:
        """A slot for a tensor; one that was changed in place is a new one from here on."""
        slot = self._slots[tensor] = next(self._numbers)
        self.shapes[slot] = tensor.shape
        return slot

    def _slot(self, leaf: Any) -> Any:
        if not isinstance(leaf, Tensor):
            return leaf
        if leaf not in self._slots:
            raise NoTapeError("it holds a tensor that is neither a parameter nor a buffer")
        return Slot(self._slots[leaf])


class Cut(NamedTuple):
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


class Tape:
    """Plays what networks of one kind run.

    Args:
        steps: What runs, in order.
        names: Parameters and buffers, which have the first slots; the input has the next one.
        shapes: Of all tensors, by slot; an input must have the shape of that here.
        output: The slot of what is returned.

    Attributes:
        cuts: Where it can be left and taken up again, in order.
    """

    def __init__(
        self, steps: Sequence[Step], names: Sequence[str], shapes: Mapping[int, torch.Size], output: int
    ) -> None:
        self.names = names
        self.input_shape = shapes[len(names)]
        self._output = output
        self._count = 1 + max([output, *(slot for step in steps for slot in step.out)])
        self._steps = list(zip(steps, _last_uses(steps, len(names), output), strict=True))
        self.cuts = list(self._cuts(shapes))

    def _cuts(self, shapes: Mapping[int, torch.Size]) -> Iterator[Cut]:
        needed: set[int] = {len(self.names)}
        read: dict[int, None] = {}
        for place, (step, last_used) in enumerate(self._steps):
            needed = needed.union(step.out) - set(last_used)
            read |= dict.fromkeys(slot for slot in step.reads if slot < len(self.names))
            if len(needed) == 1:
                (slot,) = needed
                count, *image = shapes[slot]
                if len(image) == 3 and count == self.input_shape[0]:
                    names = tuple(self.names[each] for each in read)
                    yield Cut(place + 1, slot, torch.Size(image), names, self._is_left(place + 1, slot))
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

    def of(self, network: nn.Module) -> Play:
        """What computes as `network` does."""
        return Play(self, network)

    def play(self, given: Mapping[int, Tensor], begin: int = 0, cut: Cut | None = None) -> Tensor:
        """What is at a cut, or at the end, if tensors are `given` by slot and the first steps have been run."""
        values: list[Any] = [given.get(slot) for slot in range(self._count)]
        for step, last_used in self._steps[begin : None if cut is None else cut.steps]:
            out = step.function(*_filled(step.args, values), **{k: _filled(v, values) for k, v in step.kwargs.items()})
            for slot, tensor in zip(step.out, out if step.returns_many else [out], strict=True):
                values[slot] = tensor
            for slot in last_used:
                values[slot] = None
        result: Tensor = values[self._output if cut is None else cut.slot]
        return result


class Play:
    """A tape for one network.

    Attributes:
        tensors: The parameters and buffers of the network, by name.
    """

    def __init__(self, tape: Tape, network: nn.Module) -> None:
        self._tape, self._network = tape, network
        self.tensors = _held(network)
        self._given = dict(enumerate(self.tensors[name] for name in tape.names))

    def __call__(self, x: Tensor) -> Tensor:
        """What the network returns. Inputs of another shape than the tape's are left to the network."""
        if x.shape != self._tape.input_shape:
            out: Tensor = self._network(x)
            return out
        return self._tape.play(self._given | {len(self._given): x})

    def until(self, cut: Cut, x: Tensor) -> Tensor:
        """What is at a cut, of inputs that have the tape's shape."""
        return self._tape.play(self._given | {len(self._given): x}, cut=cut)

    def since(self, cut: Cut, tensor: Tensor) -> Tensor:
        """What the network returns for what was at a cut; the tensor may be changed unless the cut says otherwise."""
        return self._tape.play(self._given | {cut.slot: tensor}, begin=cut.steps)


def joined(one: Recording, other: Recording) -> list[Step]:
    """What both recordings ran, with the numbers left open that follow from the widths.

    Raises:
        NoTapeError: they differ in anything else.
    """
    if len(one.steps) != len(other.steps) or one.names != other.names or one.output != other.output:
        raise NoTapeError("it runs other operators at other widths")
    return [_joined(*steps) for steps in zip(one.steps, other.steps, strict=True)]


def _joined(one: Step, other: Step) -> Step:
    if (one.function, one.out, one.kwargs) != (other.function, other.out, other.kwargs):
        raise NoTapeError("it runs other operators at other widths")
    args = list(one.args)
    for place, (here, there) in enumerate(zip(one.args, other.args, strict=True)):
        if here == there:
            continue
        if one.function in RESHAPING and place == 1:
            args[place] = [size if size == another else -1 for size, another in zip(here, there, strict=True)]
            if args[place].count(-1) == 1:
                continue
        elif one.function == CONVOLUTION and place == GROUPS:
            args[place] = None
            return replace(one, function=convolution, args=tuple(args))
        raise NoTapeError(f"an argument of {one.function} follows from the widths")
    return replace(one, args=tuple(args))


def convolution(x: Tensor, weight: Tensor, *rest: Any) -> Tensor:
    """A convolution whose groups follow from its weight."""
    *others, groups = rest
    out: Tensor = CONVOLUTION(x, weight, *others, groups or x.shape[1] // weight.shape[1])
    return out


def _held(network: nn.Module) -> dict[str, Tensor]:
    return {**dict(network.named_parameters()), **dict(network.named_buffers())}


def _is_slot(leaf: Any) -> bool:
    return isinstance(leaf, Slot)


def _filled(argument: Any, values: Sequence[Any]) -> Any:
    """An argument, or the sequence of all arguments, with tensors in place of slots."""
    if type(argument) is Slot:
        return values[argument.number]
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
