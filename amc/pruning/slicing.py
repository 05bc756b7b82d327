"""From a mask of units to a new, physically smaller network. The caller's model is never changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from amc.graph import KeptCounts, Layer, PruningGraph
from amc.utils.copying import copy_network
from amc.utils.errors import UserError

UnitMask = NDArray[np.bool_]
"""A mask of the units that stay, over all groups: bool `(graph.unit_count,)`."""
LARGE = 2**28
"""Bytes of a tensor above which it is sliced in several steps."""


def choose_units(graph: PruningGraph, importance: NDArray[np.float64], kept_counts: KeptCounts) -> UnitMask:
    """Return the mask of the `kept_counts[g]` most important units of each group; of equal ones the first.

    `importance` is `(graph.unit_count,)`.
    """
    mask = np.zeros(graph.unit_count, dtype=np.bool_)
    for group, count in zip(graph.groups, kept_counts, strict=True):
        order = np.argsort(-importance[group.slice], kind="stable")
        mask[group.first_unit + order[:count]] = True
    return mask


@dataclass(frozen=True)
class Selection:
    """The difference between a compact network and the original: kept positions, and attributes that follow from them.

    Attributes:
        tensors: Kept positions, `{tensor: {dimension: positions}}`.
        attributes: New values of module attributes, `{module: {attribute: value}}`.
        factors: What the positions that are left are multiplied by (`amc.graph.Scale`), by tensor and dimension
            `(kept,)` each. Files have none: their tensors are multiplied already.
    """

    tensors: Mapping[str, Mapping[int, Sequence[int]]]
    attributes: Mapping[str, Mapping[str, Any]]
    factors: Mapping[str, Mapping[int, NDArray[np.float64]]] = field(default_factory=dict)


def make_selection(graph: PruningGraph, model: nn.Module, mask: UnitMask) -> Selection:
    """Return the kept positions and the changed attributes of `model` for the units in `mask`.

    `groups`, channel and feature counts of modules are derived from the shapes that are left.

    Raises:
        ValueError: A group keeps none of its units.
    """
    for group in graph.groups:
        if not mask[group.slice].any():
            raise ValueError(f"group {group.name} keeps none of its {group.units} units; at least one must stay")
    tensors = {}
    shapes = {name: list(tensor.shape) for name, tensor in named_tensors(model).items()}
    for name, axes in graph.tensors.items():
        kept = {dim: axis.kept(mask).tolist() for dim, axis in axes.items()}
        tensors[name] = kept
        for dim, positions in kept.items():
            shapes[name][dim] = len(positions)
    inputs = {
        layer.weight: len(layer.inputs.kept(mask))
        for layer in (*graph.layers, *graph.auxiliary)
        if layer.weight and not layer.transposed_weight
    }
    for name, other in _other_names(model).items():  # of modules that have the same weight
        shapes[name] = shapes[other]
        inputs |= {name: inputs[other]} if other in inputs else {}
    sizes = _sizes(graph, model, mask)
    attributes = {}
    for name, module in model.named_modules():
        wanted = _attributes(module, name, shapes, inputs) | sizes.get(name, {})
        changed = {key: value for key, value in wanted.items() if _differs(getattr(module, key), value)}
        if changed:
            attributes[name] = changed
    factors = {
        name: {dim: found for dim in axes if (found := entry_factors(graph, name, dim, mask)) is not None}
        for name, axes in graph.tensors.items()
    }
    return Selection(tensors, attributes, {name: found for name, found in factors.items() if found})


def entry_factors(graph: PruningGraph, tensor: str, dim: int, mask: UnitMask) -> NDArray[np.float64] | None:
    """Return what the positions of a tensor that the units in `mask` leave are multiplied by, float64 `(kept,)`.

    It is None where that is 1 for all of them.
    """
    places: NDArray[np.int64] | None = None
    factors = np.ones(0)
    for scale in graph.scales:
        scaled = scale.entries.get(tensor, {}).get(dim)
        factor = (len(scale.width.kept(mask)) / len(scale.width)) ** scale.exponent
        if scaled is None or factor == 1:
            continue
        if places is None:
            places = graph.tensors[tensor][dim].kept(mask)
            factors = np.ones(len(places))
        factors[np.isin(places, scaled)] *= factor
    return None if places is None else factors


def output_factors(graph: PruningGraph, layer: Layer, mask: UnitMask) -> Tensor | None:
    """Return what a compact network's layer gives in multiples of the original's, `(kept outputs,)`; None for the same.

    Queries are larger where fewer keys' channels are left, as `entry_factors` has it.
    """
    factors = None if layer.weight is None else entry_factors(graph, layer.weight, 1 - layer.in_dimension, mask)
    return None if factors is None else torch.from_numpy(factors).float()


def _sizes(graph: PruningGraph, model: nn.Module, mask: UnitMask) -> dict[str, dict[str, Any]]:
    """Return the new values of the attributes that hold the channels of an operator's pieces, by module."""
    result: dict[str, dict[str, Any]] = {}
    for size in graph.sizes:
        kept = [len(piece.kept(mask)) for piece in size.pieces]
        before = getattr(model.get_submodule(size.module), size.attribute)
        result.setdefault(size.module, {})[size.attribute] = kept[0] if isinstance(before, Integral) else kept
    return result


def _attributes(
    module: nn.Module, name: str, shapes: Mapping[str, Sequence[int]], inputs: Mapping[str, int]
) -> dict[str, Any]:
    """Return the attributes of `module` that follow from the shapes of its tensors, for module types that have some."""
    prefix = f"{name}." if name else ""
    weight = shapes.get(f"{prefix}weight")
    if isinstance(module, _ConvNd) and module.transposed and weight is not None:
        return {"in_channels": weight[0], "out_channels": weight[1] * module.groups}
    if isinstance(module, _ConvNd) and weight is not None and f"{prefix}weight" in inputs:
        channels_in = inputs[f"{prefix}weight"]
        return {"in_channels": channels_in, "out_channels": weight[0], "groups": channels_in // weight[1]}
    if isinstance(module, nn.Linear) and weight is not None:
        return {"in_features": weight[1], "out_features": weight[0]}
    if isinstance(module, _NormBase):
        size = weight or shapes.get(f"{prefix}running_mean")
        return {"num_features": size[0]} if size else {}
    if isinstance(module, nn.GroupNorm) and weight is not None:
        groups = max(1, weight[0] * module.num_groups // module.num_channels)
        return {"num_channels": weight[0], "num_groups": groups}
    if isinstance(module, nn.LayerNorm | nn.RMSNorm) and weight is not None:
        return {"normalized_shape": list(weight)}
    if isinstance(module, nn.Embedding) and weight is not None:
        return {"embedding_dim": weight[1]}
    if isinstance(module, nn.PReLU) and weight is not None:
        return {"num_parameters": weight[0]}
    return {}


def _other_names(model: nn.Module) -> dict[str, str]:
    """Return the further names of tensors that have several, with the name that graphs know them by."""
    known = {id(tensor): name for name, tensor in named_tensors(model).items()}
    named = chain(model.named_parameters(remove_duplicate=False), model.named_buffers(remove_duplicate=False))
    return {name: known[id(tensor)] for name, tensor in named if known[id(tensor)] != name}


def _differs(held: Any, value: Any) -> bool:
    """Return whether an attribute has to be set; a tuple of the same numbers is as good as a list."""
    return bool((list(held) if isinstance(held, tuple) and isinstance(value, list) else held) != value)


def compact(model: nn.Module, selection: Selection, weights: Mapping[str, Tensor] | None = None) -> nn.Module:
    """Build the compact network: a copy of `model` with smaller tensors and attributes, as `selection` says.

    `weights` replaces tensors before they are sliced, as `slice_tensors` has it. `model` is not changed.
    """
    memo: dict[int, Any] = {}
    whole = named_tensors(model)
    for name, fresh in slice_tensors(model, selection, weights).items():
        tensor = whole[name]
        if isinstance(tensor, nn.Parameter):
            fresh = nn.Parameter(fresh.to(tensor.dtype), requires_grad=tensor.requires_grad)
        memo[id(tensor)] = fresh
    result = copy_network(model, memo)
    set_attributes(result, selection.attributes)
    return result


def slice_tensors(
    model: nn.Module, selection: Selection, weights: Mapping[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """Return all parameters and buffers of the compact network by name; they share no memory with those of `model`.

    Args:
        model: The original network.
        selection: The positions that stay.
        weights: Tensors that replace those of `model` before they are sliced (reconstructed consumers), in the
            original's shape; along the sliced input axis they may have the final size already.
    """
    replaced = weights or {}
    result = {}
    for name, tensor in named_tensors(model).items():
        source = replaced.get(name, tensor.detach())
        lost = {
            dim: torch.as_tensor(positions, device=source.device)
            for dim, positions in selection.tensors.get(name, {}).items()
            if source.shape[dim] != len(positions)
        }
        source = _taken(source, lost)
        result[name] = source.clone() if source.data_ptr() == tensor.data_ptr() else source
        for dim, factors in selection.factors.get(name, {}).items():
            shape = [-1 if axis == dim else 1 for axis in range(source.ndim)]
            result[name].mul_(torch.as_tensor(factors).to(source).reshape(shape))
    return result


def _taken(source: Tensor, positions: Mapping[int, Tensor]) -> Tensor:
    """Return the positions along each dimension; of a large tensor in steps, so that nothing else gets as large."""
    if len(positions) > 1 and source.nbytes > LARGE:
        (dim, first), *others = positions.items()
        shape = [len(positions[each]) if each in positions else size for each, size in enumerate(source.shape)]
        result = source.new_empty(shape)
        parts = first.split(max(1, len(first) * LARGE // source.nbytes))
        for place, part in zip(result.split([len(each) for each in parts], dim), parts, strict=True):
            place.copy_(_taken(source.index_select(dim, part), dict(others)))
        return result
    for dim, each in positions.items():
        source = source.index_select(dim, each)
    return source


def set_attributes(model: nn.Module, attributes: Mapping[str, Mapping[str, Any]]) -> None:
    """Set module attributes, `{module: {attribute: value}}`, in place.

    Raises:
        UserError: The model has no module of such a name.
    """
    modules = dict(model.named_modules())
    for name, values in attributes.items():
        if name not in modules:
            raise UserError(f"the policy changes module {name!r}, which this model does not have; give its own model")
        for key, value in values.items():
            is_tuple = isinstance(getattr(modules[name], key, None), tuple)
            setattr(modules[name], key, tuple(value) if is_tuple else value)


def named_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Return all parameters and buffers by name."""
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def stored_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Return parameters and persistent buffers by name, as in `state_dict`, without whatever else a module stores."""
    return {name: value for name, value in model.state_dict().items() if isinstance(value, Tensor)}


def restore_tensors(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copy all tensors that `stored_tensors` returned into a network of the same kind, in place.

    Raises:
        ValueError: The network has other tensors.
    """
    own = stored_tensors(model)
    if own.keys() != tensors.keys():
        raise ValueError(f"expected the tensors {sorted(own)}, got {sorted(tensors)}")
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(tensors[name])
