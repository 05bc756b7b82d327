"""How a network is cut, as entries of a JSON object, and the check that it fits a network."""

from __future__ import annotations

import itertools
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from torch import nn

from amc.artifacts.checked_json import Count, Size
from amc.pruning.slicing import Selection, named_tensors
from amc.utils.errors import UserError


@dataclass(frozen=True)
class StoredSelection:
    """The entries of a policy file that say how a network is cut.

    Kept positions recur in many tensors: each list is written once, and referred to by its number.

    Attributes:
        attributes: The number of channels that an attribute of a module is set to, or a list of such numbers, as
            `{module: {attribute: size}}`.
        tensors: Which list of `positions` is kept along a dimension of a tensor, as `{tensor: {dimension: place}}`.
        positions: Lists of kept positions, each in ascending order.
    """

    attributes: Mapping[str, Mapping[str, Size | list[Size]]]
    tensors: Mapping[str, Mapping[Count, Count]]
    positions: tuple[tuple[Count, ...], ...]

    def __post_init__(self) -> None:
        """Check that the entries go together; raise a ValueError that names one which does not."""
        for number, positions in enumerate(self.positions):
            check_ascending(positions, f"`positions[{number}]`")
        for tensor, axes in self.tensors.items():
            for number in axes.values():
                if number >= len(self.positions):
                    raise ValueError(
                        f"`tensors`: {tensor!r} refers to list {number}, there are {len(self.positions)} in `positions`"
                    )

    @classmethod
    def of(cls, selection: Selection) -> StoredSelection:
        """Return the entries that store `selection`."""
        lists: dict[tuple[int, ...], int] = {}
        tensors = {
            name: {dim: lists.setdefault(tuple(positions), len(lists)) for dim, positions in axes.items()}
            for name, axes in selection.tensors.items()
        }
        return cls(selection.attributes, tensors, tuple(lists))

    @property
    def selection(self) -> Selection:
        """The selection that is stored."""
        tensors = {
            name: {dim: self.positions[number] for dim, number in axes.items()} for name, axes in self.tensors.items()
        }
        return Selection(tensors, self.attributes)


def check_ascending(positions: Sequence[int], name: str) -> None:
    """Check that the entry `name` holds kept positions; raise a ValueError unless it has some, in ascending order."""
    if not positions or any(high <= low for low, high in itertools.pairwise(positions)):
        raise ValueError(f"{name}: expected one position or more in ascending order, got {reprlib.repr(positions)}")


def check_fits(model: nn.Module, selection: Selection, name: str) -> None:
    """Check that `selection` fits `model`, and that the attributes it sets are numbers of channels there.

    Args:
        model: The network that is to be cut.
        selection: How it is to be cut.
        name: The network that the policy was made for, as errors call it.

    Raises:
        UserError: A tensor or an attribute is not as in the network that the policy was made for.
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
    """Return how many whole numbers a list has, -1 for a single number, and None for anything else."""
    if isinstance(size, list | tuple) and all(_form(each) == -1 for each in size):
        return len(size)
    return -1 if isinstance(size, Integral) and not isinstance(size, bool) else None
