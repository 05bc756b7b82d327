"""Copies of networks as they are found: after training, too, when they still hold what they computed."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Set
from types import FunctionType, MethodType, ModuleType
from typing import Any

from torch import Tensor, nn

from amc.utils.errors import UserError
from amc.utils.text import one_line

OPAQUE = (str, bytes, int, float, type, FunctionType, MethodType, ModuleType)
"""Types of objects that hold no tensors, or none that are copied."""


def copy_network(model: nn.Module, memo: Mapping[int, Any] | None = None) -> nn.Module:
    """A deep copy of `model`, without the gradients of its parameters.

    Tensors that the network computed and kept in its attributes, which torch refuses to copy while they belong to a
    graph of gradients, are copied as plain numbers.

    Args:
        model: The network. It is not changed.
        memo: What stands in the copy for an object of the network, by the `id` of that object.

    Raises:
        UserError: The network holds something that can't be copied.
    """
    known = {id(tensor): tensor.detach().clone() for tensor in _computed(model, set())} | dict(memo or {})
    try:
        return copy.deepcopy(model, known)
    except Exception as error:  # a user's class may raise anything
        raise UserError(
            f"the network can't be copied: {one_line(error)};"
            " keep open files, locks and the like out of its attributes, or give their class a __deepcopy__"
        ) from error


def _computed(thing: Any, visited: set[int]) -> Iterator[Tensor]:
    """Tensors anywhere in `thing` that have a history of gradients; `visited` holds what was looked at, by `id`."""
    if id(thing) in visited or isinstance(thing, OPAQUE):
        return
    visited.add(id(thing))
    if isinstance(thing, Tensor):
        if not thing.is_leaf:
            yield thing
        return
    if isinstance(thing, Mapping):
        held = list(thing.values())
    elif isinstance(thing, list | tuple | Set):
        held = list(thing)
    else:
        held = [getattr(thing, "__dict__", None)]
    for each in held:
        yield from _computed(each, visited)
