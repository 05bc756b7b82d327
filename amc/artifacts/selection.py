"""How a network is cut, as entries of a JSON object, and whether that fits a network."""

from __future__ import annotations

import itertools
import reprlib
from collections.abc import Callable, Mapping
from numbers import Integral
from typing import Any

from torch import nn

from amc.artifacts.json_validation import entry, integer, list_of, object_of
from amc.pruning.slicing import Selection, named_tensors
from amc.utils.errors import UserError


def selection_to_json(selection: Selection) -> dict[str, Any]:
    """The entries of a policy file that say how a network is cut.

    Kept positions recur in many tensors: each list is written once, under `positions`, and referred to by number.
    """
    lists: dict[tuple[int, ...], int] = {}
    tensors = {
        name: {str(dim): lists.setdefault(tuple(positions), len(lists)) for dim, positions in axes.items()}
        for name, axes in selection.tensors.items()
    }
    return {"attributes": selection.attributes, "tensors": tensors, "positions": [list(each) for each in lists]}


def selection_from_json(content: Mapping[str, Any]) -> Selection:
    """How a network is cut; raises a ValueError that names the first entry of another form."""
    positions = entry(content, "positions", list_of(ascending))

    def numbered(value: Any) -> tuple[int, ...]:
        if integer(value) >= len(positions):
            raise ValueError(f"refers to list {value}, there are {len(positions)} under 'positions'")
        return positions[value]

    tensors = entry(content, "tensors", object_of(_axes_of(numbered)))
    attributes = entry(content, "attributes", object_of(object_of(_size)))
    return Selection(tensors, attributes)


def check_fits(model: nn.Module, selection: Selection, name: str) -> None:
    """Raise a UserError where `selection`, of the policy of a network `name`, does not fit `model`.

    Nothing else than numbers of channels is ever set.
    """
    tensors = named_tensors(model)
    for tensor, axes in selection.tensors.items():
        for dim, positions in axes.items():
            fits = tensor in tensors and dim < tensors[tensor].ndim and max(positions) < tensors[tensor].shape[dim]
            if not fits:
                raise UserError(
                    f"the policy of {name} cuts tensor {tensor!r} as this model does not have it;"
                    " give the model that the policy was made for"
                )
    modules = dict(model.named_modules())
    for module, attributes in selection.attributes.items():
        for attribute, size in attributes.items():
            held = vars(modules[module]).get(attribute) if module in modules else None
            if _form(held) != _form(size):
                raise UserError(
                    f"the policy of {name} sets {attribute!r} of module {module!r} to {size}, which is no number of"
                    " channels in this model; give the model that the policy was made for"
                )


def _form(size: Any) -> int | None:
    """How many whole numbers there are in a list, -1 for one by itself; None for anything else."""
    if isinstance(size, list | tuple) and all(_form(each) == -1 for each in size):
        return len(size)
    return -1 if isinstance(size, Integral) and not isinstance(size, bool) else None


def _axes_of(read: Callable[[Any], tuple[int, ...]]) -> Callable[[Any], dict[int, tuple[int, ...]]]:
    def axes(value: Any) -> dict[int, tuple[int, ...]]:
        positions = object_of(read)(value)
        for dim in positions:
            if not dim.isdecimal():
                raise ValueError(f"expected the number of a dimension, got {dim!r}")
        return {int(dim): kept for dim, kept in positions.items()}

    return axes


def ascending(value: Any) -> tuple[int, ...]:
    """Kept positions, of a JSON list; raises a ValueError where they are none, or not in ascending order."""
    positions = list_of(integer)(value)
    if not positions or any(high <= low for low, high in itertools.pairwise(positions)):
        raise ValueError(f"expected one position or more in ascending order, got {reprlib.repr(list(positions))}")
    return positions


def _size(value: Any) -> int | list[int]:
    """A number of channels, or several."""
    if isinstance(value, list):
        return [_above_zero(each) for each in value]
    return _above_zero(value)


def _above_zero(value: Any) -> int:
    if integer(value) < 1:
        raise ValueError(f"expected a number above 0, got {value}")
    return integer(value)
