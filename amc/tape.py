"""A network as the list of operators that it runs, to be run again without the Python code that it is made of.

Two compact networks of one network are watched at the ATen level, one of the full widths and one of the least, on
different numbers of images. What they run differs in numbers that follow from the widths, such as the sizes of a view
and the groups of a convolution, or are how many images there are; those are left open, and worked out when the tape is
played for any other compact network, and for as many images as there are then. A network that runs other operators at
other widths, or in which any other number follows from them, has no tape.

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
WIDTH = object()
"""Stands for a number that follows from the widths."""


class NoTapeError(Exception):
    """A network can't be played from a tape; the message says why."""


class Slot(NamedTuple):
    """Stands for a tensor, or for the number of images."""

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
        names: Parameters and buffers, which have the first slots; the input has the next one, and how many images are
            in it the one after that.
        images: How many images there were.
        shapes: Of all tensors, by slot.
        output: The slot of what the network returned.
    """

    def __init__(self, network: nn.Module, x: Tensor) -> None:
        super().__init__()
        held = _held(network)
        self.steps: list[Step] = []
        self.names = list(held)
        self.images = len(x)
        self._numbers = count()
        self._slots = WeakTensorKeyDictionary()
        self.shapes: dict[int, torch.Size] = {}
        for tensor in (*held.values(), x):
            self._number(tensor)
        next(self._numbers)  # of how many images there are
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
        if func is aten.as_strided_.default and _lays_channels_last(*args):
            func, slot_args = channels_lie_last, slot_args[:1]
        elif func is aten.split.Tensor and _splits_evenly(*args):
            func, slot_args = torch.tensor_split, (slot_args[0], len(slots), *slot_args[2:])
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
        names: Parameters and buffers, which have the first slots; the input has the next one, and how many images are
            in it the one after that.
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
        self._input, self._images = len(names), len(names) + 1
        self._output = output
        self._count = 1 + max([output, self._images, *(slot for step in steps for slot in step.out)])
        self._steps = list(zip(steps, _last_uses(steps, len(names), output), strict=True))
        self.cuts = list(self._cuts(shapes))

    def _cuts(self, shapes: Mapping[int, torch.Size]) -> Iterator[Cut]:
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

    def play(self, held: Sequence[Tensor], x: Tensor, begin: Cut | None = None, end: Cut | None = None) -> Tensor:
        """What is at the cut `end`, or at the very end.

        Args:
            held: Parameters and buffers, as in `names`.
            x: The input, or what is at the cut `begin`. It may be changed where a step changes it.
            begin: Where to take up the tape; None for its beginning.
            end: Where to leave it; None for its end.
        """
        values: list[Any] = [*held, *[None] * (self._count - len(held))]
        values[self._input if begin is None else begin.slot] = x
        values[self._images] = len(x)
        first, last = begin and begin.steps, end and end.steps
        for step, last_used in self._steps[first:last]:
            out = step.function(*_filled(step.args, values), **{k: _filled(v, values) for k, v in step.kwargs.items()})
            for slot, tensor in zip(step.out, out if step.returns_many else [out], strict=True):
                values[slot] = tensor
            for slot in last_used:
                values[slot] = None
        result: Tensor = values[self._output if end is None else end.slot]
        return result


class Play:
    """A tape for one network.

    Attributes:
        tensors: The parameters and buffers of the network, by name.
    """

    def __init__(self, tape: Tape, network: nn.Module) -> None:
        self._tape, self._network = tape, network
        self.tensors = _held(network)
        self._held = [self.tensors[name] for name in tape.names]

    def __call__(self, x: Tensor) -> Tensor:
        """What the network returns. Images of another shape than the tape's are left to the network."""
        if x.shape[1:] != self._tape.image_shape:
            out: Tensor = self._network(x)
            return out
        return self._tape.play(self._held, x)

    def until(self, cut: Cut, x: Tensor) -> Tensor:
        """What is at a cut, of images that have the tape's shape."""
        return self._tape.play(self._held, x, end=cut)

    def since(self, cut: Cut, tensor: Tensor) -> Tensor:
        """What the network returns for what was at a cut; the tensor may be changed unless the cut says otherwise."""
        return self._tape.play(self._held, tensor, begin=cut)


def joined(one: Recording, other: Recording) -> list[Step]:
    """What both recordings ran; numbers that follow from the widths or are how many images there are, are left open.

    Args:
        one: A recording.
        other: Another, of other widths and with another number of images.

    Raises:
        NoTapeError: they differ in anything else.
    """
    if len(one.steps) != len(other.steps) or one.names != other.names or one.output != other.output:
        raise NoTapeError("it runs other operators at other widths")
    images = Images(Slot(len(one.names) + 1), (one.images, other.images))
    return [_joined(*steps, images) for steps in zip(one.steps, other.steps, strict=True)]


def _joined(one: Step, other: Step, images: Images) -> Step:
    if (one.function, one.out, one.kwargs) != (other.function, other.out, other.kwargs):
        raise NoTapeError("it runs other operators at other widths")
    args = [_opened(*pair, images) for pair in zip(one.args, other.args, strict=True)]
    if one.function in RESHAPING and args[1].count(WIDTH) == 1:
        args[1] = [-1 if size is WIDTH else size for size in args[1]]
    elif one.function == CONVOLUTION and args[GROUPS] is WIDTH:
        args[GROUPS] = None
        one = replace(one, function=convolution)
    if WIDTH in tree_leaves(args):
        raise NoTapeError(f"an argument of {one.function} follows from the widths")
    return replace(one, args=tuple(args))


class Images(NamedTuple):
    """How many images there are: the slot of that number, and what it was in two recordings."""

    slot: Slot
    numbers: tuple[int, int]


def _opened(here: Any, there: Any, images: Images) -> Any:
    """What an argument of both is: itself, the slot of how many images there are, or a width."""
    if here == there:
        return here
    if isinstance(here, list) and isinstance(there, list) and len(here) == len(there):
        return [_opened(*pair, images) for pair in zip(here, there, strict=True)]
    return images.slot if (here, there) == images.numbers else WIDTH


def convolution(x: Tensor, weight: Tensor, *rest: Any) -> Tensor:
    """A convolution whose groups follow from its weight."""
    *others, groups = rest
    out: Tensor = CONVOLUTION(x, weight, *others, groups or x.shape[1] // weight.shape[1])
    return out


def channels_lie_last(x: Tensor) -> Tensor:
    """The same images, in place, with the strides of channels that lie last; as global pooling returns them."""
    return x.as_strided_(x.shape, _strides(x.shape))


def _lays_channels_last(x: Tensor, size: Sequence[int], strides: Sequence[int], offset: int | None = None) -> bool:
    """Whether giving a tensor that size and these strides does what `channels_lie_last` does."""
    return x.ndim == 4 and list(x.shape) == size and _strides(size) == strides and not offset


def _splits_evenly(x: Tensor, size: int, dim: int = 0) -> bool:
    """Whether parts of that size are all of it."""
    return x.shape[dim] % size == 0


def _strides(size: Sequence[int]) -> list[int]:
    _, channels, height, width = size
    return [channels * height * width, 1, channels * width, channels]


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
