"""The ATen operators that one forward pass of a network runs, as a list of steps over numbered tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.weak import WeakTensorKeyDictionary

from amc.graph.trace_forward import unfused_operators
from amc.pruning.slicing import named_tensors
from amc.replay.sizeless_operators import CONVOLUTION, without_sizes
from amc.utils.operator_mode import OperatorMode


class NoProgramError(Exception):
    """A network can't be run from a list of operators; the message says why."""


class Slot(NamedTuple):
    """A placeholder for the tensor of that number in the arguments of a step."""

    number: int


@dataclass(frozen=True, eq=False)
class Step:
    """One operator of a program.

    Attributes:
        function: The operator, or a function that computes the same.
        args: Positional arguments, with a `Slot` in place of each tensor.
        kwargs: Keyword arguments, likewise.
        out: The slots of the tensors that it returns.
        returns_many: Whether it returns a sequence of tensors.
        changes_arguments: Whether it writes into one of its arguments.
        returns_new: Whether what it returns is surely no view of an argument.
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
        """The slots among the step's arguments."""
        leaves = tree_leaves((self.args, self.kwargs), is_leaf=_is_slot)
        return [leaf.number for leaf in leaves if _is_slot(leaf)]


class OperatorTrace(OperatorMode):
    """The steps that a network runs on one input.

    Args:
        network: The network in evaluation mode; it returns one tensor.
        x: The network's input, `(n, ...)`.

    Attributes:
        steps: What ran, in order.
        names: Parameters and buffers, which have the first slots; the input has the next one.
        images: The number of images `n`.
        shapes: The shape of every tensor, by slot.
        output: The slot of what the network returned.

    Raises:
        NoProgramError: An operator's result does not follow from its arguments, a tensor is neither a parameter nor a
            buffer, or the network returns several tensors.
    """

    def __init__(self, network: nn.Module, x: Tensor) -> None:
        super().__init__()
        tensors = named_tensors(network)
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
        is_random = torch.Tag.nondeterministic_seeded in func.tags and not _drops_nothing(func, args, kwargs or {})
        if is_random or torch.Tag.data_dependent_output in func.tags:
            raise NoProgramError(f"{func} does not follow from its arguments")
        slot_args, slot_kwargs = tree_map(self._slot, (tuple(args), kwargs or {}))
        function, slot_args = without_sizes(func, args, slot_args)
        out = func(*args, **(kwargs or {}))
        returned = out if isinstance(out, list | tuple) else [out]
        if not all(isinstance(each, Tensor) for each in returned):
            raise NoProgramError(f"{func} returns something else than tensors")
        slots = tuple(self._number(tensor) for tensor in returned)
        known = returned is out, func._schema.is_mutable, func is CONVOLUTION
        self.steps.append(Step(function, slot_args, slot_kwargs, slots, *known))
        return out

    def _number(self, tensor: Tensor) -> int:
        """A new slot for a tensor; one that was changed in place gets another one, too."""
        slot = self._slots[tensor] = next(self._numbers)
        self.shapes[slot] = tensor.shape
        return slot

    def _slot(self, leaf: Any) -> Any:
        if not isinstance(leaf, Tensor):
            return leaf
        if leaf not in self._slots:
            raise NoProgramError("it holds a tensor that is neither a parameter nor a buffer")
        return Slot(self._slots[leaf])


def _drops_nothing(func: Any, args: Any, kwargs: Mapping[str, Any]) -> bool:
    """Whether an operator, such as attention, would draw random numbers for its dropout alone, which is off."""
    given = {argument.name: argument.default_value for argument in func._schema.arguments}
    given |= dict(zip(given, args, strict=False))
    given |= kwargs
    return given.get("dropout_p") == 0


def _is_slot(leaf: Any) -> bool:
    return isinstance(leaf, Slot)
