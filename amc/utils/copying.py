"""Copies of networks, also of networks that have been run and still hold what they computed."""

from __future__ import annotations

import contextlib
import copy
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Set
from types import FunctionType, MethodType, ModuleType
from typing import Any

from torch import Tensor, nn

from amc.utils.errors import UserError
from amc.utils.text import one_line

OPAQUE = (str, bytes, int, float, type, FunctionType, MethodType, ModuleType)
"""Types whose objects are not searched for tensors: they hold none, or are shared by a copy and its original."""


def copy_network(model: nn.Module, memo: Mapping[int, Any] | None = None) -> nn.Module:
    """Return a deep copy of `model`, without the gradients of its parameters.

    PyTorch refuses to copy tensors that an earlier forward pass left in a network's attributes with their autograd
    history; the copy holds their values.

    Args:
        model: The network. It is not changed.
        memo: Replacements in the copy for objects of the network, by the `id` of the object.

    Raises:
        UserError: The network holds something that can't be copied, such as an open file.
    """
    known = _empty_copies(model) | dict(memo or {})
    with contextlib.suppress(Exception):  # what fails is tried again below, and told
        return copy.deepcopy(model, dict(known))
    computed = {id(tensor): tensor.detach().clone() for tensor in _computed(model, set())}
    try:
        return copy.deepcopy(model, computed | known)
    except Exception as error:  # a user's class may raise anything
        raise UserError(
            f"the network can't be copied: {one_line(error)};"
            " keep open files, locks and the like out of its attributes, or give their class a __deepcopy__"
        ) from error


def _empty_copies(model: nn.Module) -> dict[int, Any]:
    """Copies of the empty containers of all modules, by `id`: most hold no hooks, and `deepcopy` is slow with those."""
    held = (value for module in model.modules() for value in vars(module).values())
    return {id(value): type(value)() for value in held if type(value) in (OrderedDict, dict, set) and not value}


def _computed(thing: Any, visited: set[int]) -> Iterator[Tensor]:
    """Yield the tensors in `thing`, however deep, that have an autograd history, without what was `visited`."""
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
