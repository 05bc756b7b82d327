"""A network as the list of operators that it runs, in terms that hold at other widths, too.

Two compact networks of one network are watched at the ATen level, one of the full widths and one of the least, on
different numbers of images. What they run differs in numbers that follow from the widths, such as the sizes of a view
and the groups of a convolution, or are multiples of how many images there are; those are left open. A network that runs
other operators at other widths, or in which any other number follows from them, can't be noted so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.weak import WeakTensorKeyDictionary

from amc.graph.trace_forward import unfused_operators

aten = torch.ops.aten
CONVOLUTION = aten.convolution.default
GROUPS = 8
"""Which argument of a convolution its groups are."""
RESHAPING = {aten.view.default, aten._unsafe_view.default, aten.reshape.default, aten.expand.default}
"""Operators whose second argument may have one size left open."""
WIDTH = object()
"""Stands for a number that follows from the widths."""


class NoProgramError(Exception):
    """A network can't be played from a tape; the message says why."""


class Slot(NamedTuple):
    """Stands for a tensor."""

    number: int


class Images(NamedTuple):
    """Stands for so many times the number of images."""

    times: int


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


class OperatorTrace(TorchDispatchMode):
    """Notes what a network runs on an input.

    Raises:
        NoProgramError: an operator whose result does not follow from its arguments, a tensor that is no parameter or
            buffer, several outputs.

    Attributes:
        steps: What ran, in order.
        names: Parameters and buffers, which have the first slots; the input has the next one.
        images: How many images there were.
        shapes: Of all tensors, by slot.
        output: The slot of what the network returned.
    """

    def __init__(self, network: nn.Module, x: Tensor) -> None:
        super().__init__()
        tensors = held(network)
        self.steps: list[Step] = []
        self.names = list(tensors)
        self.images = len(x)
        self._numbers = count()
        self._slots = WeakTensorKeyDictionary()
        self.shapes: dict[int, torch.Size] = {}
        for tensor in (*tensors.values(), x):
            self._number(tensor)
        with torch.no_grad(), unfused_operators(network), self:
            out = network(x)
        if not isinstance(out, Tensor):
            raise NoProgramError("it returns more than one tensor")
        if out not in self._slots:
            raise NoProgramError("it returns a tensor that no operator made")
        self.output = self._slots[out]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if {torch.Tag.data_dependent_output, torch.Tag.nondeterministic_seeded} & set(func.tags):
            raise NoProgramError(f"{func} does not follow from its arguments")
        slot_args, slot_kwargs = tree_map(self._slot, (tuple(args), kwargs or {}))
        function, slot_args = _general(func, args, slot_args)
        out = func(*args, **(kwargs or {}))
        returned = out if isinstance(out, list | tuple) else [out]
        if not all(isinstance(each, Tensor) for each in returned):
            raise NoProgramError(f"{func} returns something else than tensors")
        slots = tuple(self._number(tensor) for tensor in returned)
        known = returned is out, func._schema.is_mutable, func is CONVOLUTION
        self.steps.append(Step(function, slot_args, slot_kwargs, slots, *known))
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
            raise NoProgramError("it holds a tensor that is neither a parameter nor a buffer")
        return Slot(self._slots[leaf])


def joined(one: OperatorTrace, other: OperatorTrace) -> list[Step]:
    """What both recordings ran; numbers that follow from the widths or are how many images there are, are left open.

    Args:
        one: A recording.
        other: Another, of other widths and with another number of images.

    Raises:
        NoProgramError: they differ in anything else.
    """
    if len(one.steps) != len(other.steps) or one.names != other.names or one.output != other.output:
        raise NoProgramError("it runs other operators at other widths")
    images = one.images, other.images
    return [_joined(*steps, images) for steps in zip(one.steps, other.steps, strict=True)]


def _joined(one: Step, other: Step, images: tuple[int, int]) -> Step:
    if (one.function, one.out, one.kwargs) != (other.function, other.out, other.kwargs):
        raise NoProgramError("it runs other operators at other widths")
    args = [_opened(*pair, images) for pair in zip(one.args, other.args, strict=True)]
    if one.function in RESHAPING and args[1].count(WIDTH) == 1:
        args[1] = [-1 if size is WIDTH else size for size in args[1]]
    elif one.function == CONVOLUTION and args[GROUPS] is WIDTH:
        args[GROUPS] = None
        one = replace(one, function=convolution)
    if WIDTH in tree_leaves(args):
        raise NoProgramError(f"an argument of {one.function} follows from the widths")
    return replace(one, args=tuple(args))


def _opened(here: Any, there: Any, images: tuple[int, int]) -> Any:
    """What an argument of both is: itself, a multiple of how many images there are, or a width."""
    if here == there:
        return here
    if isinstance(here, list) and isinstance(there, list) and len(here) == len(there):
        return [_opened(*pair, images) for pair in zip(here, there, strict=True)]
    if isinstance(here, int) and isinstance(there, int) and here % images[0] == 0:
        times = here // images[0]
        return Images(times) if there == times * images[1] else WIDTH
    return WIDTH


def convolution(x: Tensor, weight: Tensor, *rest: Any) -> Tensor:
    """A convolution whose groups follow from its weight."""
    *others, groups = rest
    out: Tensor = CONVOLUTION(x, weight, *others, groups or x.shape[1] // weight.shape[1])
    return out


def _general(func: Any, args: Any, slot_args: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """The same call without numbers that follow from its tensors, where that is known."""
    if func is aten.as_strided_.default and args[1:] == (list(args[0].shape), _strides(*args[0].shape)):
        return channels_lie_last, slot_args[:1]
    if func is aten.native_layer_norm.default and args[2] is not None and args[1] == list(args[2].shape):
        return layer_norm, (slot_args[0], *slot_args[2:])
    if func is aten.split.Tensor:
        x, size, dim = (*args, 0)[:3]
        if x.shape[dim] % size == 0:
            return torch.tensor_split, (slot_args[0], x.shape[dim] // size, dim)
    return func, slot_args


def channels_lie_last(x: Tensor) -> Tensor:
    """The same images, in place, with the strides of channels that lie last; as global pooling returns them."""
    return x.as_strided_(x.shape, _strides(*x.shape))


def _strides(*shape: int) -> list[int]:
    """Of images whose channels lie last; of other tensors none."""
    if len(shape) != 4:
        return []
    _, channels, height, width = shape
    return [channels * height * width, 1, channels * width, channels]


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor | None, epsilon: float) -> Any:
    """A layer norm over as much as its weight has elements."""
    return aten.native_layer_norm.default(x, list(weight.shape), weight, bias, epsilon)


def held(network: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by name."""
    return {**dict(network.named_parameters()), **dict(network.named_buffers())}


def _is_slot(leaf: Any) -> bool:
    return isinstance(leaf, Slot)
