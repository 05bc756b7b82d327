"""Norms and statistics taken over some of the channels, as in a network from which the others are cut."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import Tensor

from amc.graph import PruningGraph
from amc.graph.structure import ATTENTION, statistic_name
from amc.pruning.slicing import UnitMask
from amc.utils.operator_mode import OperatorMode

PRODUCTS = {"bmm": "self", "baddbmm": "batch1", ATTENTION: "query"}
"""Operators that sum products over channels, with the tensor in which zeros leave channels out of the sum."""
Places = dict[int, Tensor]
"""Positions along some dimensions of a tensor, by dimension."""


class MaskedStatistics(OperatorMode):
    """A dispatch mode in which every statistic of the graph is taken over the channels in `mask`, in the whole network.

    The operator runs on those channels alone; a norm leaves zeros in place of the others, a product reads them.
    """

    def __init__(self, graph: PruningGraph, mask: UnitMask) -> None:
        super().__init__()
        self._places = {
            (each.operator, each.call): {dim: torch.from_numpy(axis.kept(mask)) for dim, axis in each.axes.items()}
            for each in graph.statistics
        }
        self._calls: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = statistic_name(func._schema.name.removeprefix("aten::"))
        places = self._places.get((name, self._calls[name]))
        self._calls[name] += 1
        if places is None:
            return func(*args, **(kwargs or {}))
        given = {argument.name: value for argument, value in zip(func._schema.arguments, args, strict=False)}
        if name in PRODUCTS:
            factor = given[PRODUCTS[name]]
            return func(**given | {PRODUCTS[name]: _put(_take(factor, places), factor, places)} | (kwargs or {}))
        return _over(func, given | (kwargs or {}), places)


def _over(func: Any, given: dict[str, Any], places: Places) -> Any:
    (name, whole) = next((name, value) for name, value in given.items() if isinstance(value, Tensor))
    given[name] = part = _take(whole, places)
    of_weight = places
    if "normalized_shape" in given:
        first = part.ndim - len(given["normalized_shape"])
        given["normalized_shape"] = list(part.shape[first:])
        of_weight = {dim - first: each for dim, each in places.items()}
    if "group" in given:
        given["C"] = part.shape[1]
        of_weight = {0: places[1]}
    for each in ("weight", "bias"):
        if given.get(each) is not None:
            given[each] = _take(given[each], of_weight)
    out = func(**given)
    if not isinstance(out, tuple) or not {"normalized_shape", "group"} & given.keys():  # it is no norm
        return out
    return _put(out[0], whole, places), *out[1:]


def _take(whole: Tensor, places: Places) -> Tensor:
    for dim, each in places.items():
        whole = whole.index_select(dim, each)
    return whole


def _put(part: Tensor, whole: Tensor, places: Places) -> Tensor:
    """Return `part` at the places that it was taken from, with zeros elsewhere."""
    for dim, each in places.items():
        shape = [*part.shape[:dim], whole.shape[dim], *part.shape[dim + 1 :]]
        part = part.new_zeros(shape).index_copy_(dim, each, part)
    return part
