"""The analysis checks itself: a compact network must compute what the original computes when consumers ignore the cut.

The reference is a copy of the original in which the consumers' weights that meet a cut channel are zero: exact for any
activation in between. Fresh and some pretrained networks hide errors (zero heads, tiny layer scales, all batch norms
alike), so both are built from a copy with randomised parameters and statistics, in float64. A check counts only if
ignoring the channels moves the output by far more than the tolerance.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from amc.graph.structure import Axis, Frozen, Group, PruningGraph
from amc.graph.watch import output_tensors

TOLERANCE = 1e-8
"""Largest accepted difference, relative to the largest output; float64 leaves about 1e-12."""


def check(model: nn.Module, graph: PruningGraph, example: Tensor, seed: int = 0) -> dict[int, str]:
    """Cut the groups of `graph` by one step and compare; returns the reason for each group that fails.

    All groups are cut in one pair of forward passes; on failure the set is halved until the culprits are alone.
    `example` is `(batch, ...)`; two random images of its shape are used.
    """
    generator = torch.Generator().manual_seed(seed)
    model = randomised(model, generator)
    images = torch.rand((2, *example.shape[1:]), generator=generator, dtype=torch.float64)
    original = _run(model, images)
    failures: dict[int, str] = {}

    def search(groups: Sequence[Group]) -> None:
        if not groups:
            return
        failure = _difference(model, graph, groups, images, original)
        if failure is None:
            return
        if len(groups) == 1:
            failures[groups[0].index] = failure
            return
        middle = len(groups) // 2
        search(groups[:middle])
        search(groups[middle:])

    search(graph.groups)
    sensitivity = _sensitivity(model, graph, images)
    for group in graph.groups:
        if group.index not in failures and sensitivity[group.index] < 100 * TOLERANCE:
            failures[group.index] = "self-check: ignoring its channels does not move the output, so nothing is proved"
    return failures


def freeze(graph: PruningGraph, failures: dict[int, str]) -> PruningGraph:
    """The graph without the groups in `failures`, which are listed as frozen with their reasons."""
    if not failures:
        return graph
    kept: list[Group] = []
    new_first = 0
    units = np.full(graph.unit_count + 1, -1, dtype=np.int64)  # the last entry serves those that were fixed before
    for group in graph.groups:
        if group.index not in failures:
            units[group.slice] = new_first + np.arange(group.units)
            kept.append(dataclasses.replace(group, index=len(kept), first_unit=new_first))
            new_first += group.units

    def renumber(axis: Axis) -> Axis:
        return dataclasses.replace(axis, units=units[axis.units])

    tensors = {
        name: {dim: new for dim, axis in axes.items() if (new := renumber(axis)).is_cuttable}
        for name, axes in graph.tensors.items()
    }
    layers = [
        dataclasses.replace(
            layer,
            inputs=renumber(layer.inputs),
            weight_in=renumber(layer.weight_in),
            out=renumber(layer.out),
        )
        for layer in graph.layers
    ]
    lost = [Frozen(graph.groups[i].name, graph.groups[i].width, reason) for i, reason in failures.items()]
    return dataclasses.replace(
        graph,
        layers=tuple(layers),
        groups=tuple(kept),
        frozen=(*graph.frozen, *lost),
        tensors={name: axes for name, axes in tensors.items() if axes},
    )


def randomised(model: nn.Module, generator: torch.Generator) -> nn.Module:
    """A float64 copy in evaluation mode whose parameters and statistics are random and keep activations O(1)."""
    model = copy.deepcopy(model).double().eval().cpu()
    with torch.no_grad():
        for parameter in model.parameters():
            fan_in = max(parameter[0].numel(), 1) if parameter.ndim > 1 else 1
            scale = fan_in**-0.5 if parameter.ndim > 1 else 0.3
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * scale)
            if parameter.ndim == 1:
                parameter.add_(1.0)
        for name, buffer in model.named_buffers():
            if buffer.is_floating_point():
                fresh = torch.rand(buffer.shape, generator=generator, dtype=torch.float64)
                buffer.copy_(fresh + 0.5 if name.endswith("var") else fresh - 0.5)
    return model


def ignore(model: nn.Module, graph: PruningGraph, alive: NDArray[np.bool_]) -> nn.Module:
    """A copy of `model` whose consumers have zero weight wherever they meet a unit that is not `alive`."""
    masked = copy.deepcopy(model)
    parameters = dict(masked.named_parameters())
    with torch.no_grad():
        for layer in graph.layers:
            if layer.weight is None or not layer.weight_in.is_cuttable:
                continue
            mask = np.append(alive, True)[layer.weight_in.units]
            shape = [1] * parameters[layer.weight].ndim
            shape[layer.in_dimension] = len(mask)
            parameters[layer.weight].mul_(torch.from_numpy(mask).reshape(shape))
    return masked


def _difference(
    model: nn.Module, graph: PruningGraph, groups: Sequence[Group], images: Tensor, original: list[Tensor]
) -> str | None:
    from amc.prune import compact, select  # pruning is built on the graph; only its check needs it back

    alive = np.ones(graph.unit_count, dtype=np.bool_)
    for group in groups:
        step = group.units - group.choices[-2] if len(group.choices) > 1 else 0
        cut = np.random.default_rng(group.index).permutation(group.units)[:step]
        alive[group.first_unit + cut] = False
    try:
        outputs = _run(compact(model, select(graph, model, alive)), images)
    except Exception as error:
        return f"self-check: the compact network fails with {type(error).__name__}: {str(error).splitlines()[0]}"
    wanted = _run(ignore(model, graph, alive), images)
    for got, want, before in zip(outputs, wanted, original, strict=True):
        if got.shape != want.shape:
            return f"self-check: the output has shape {tuple(got.shape)}, not {tuple(want.shape)}"
        worst = float((got - want).abs().max() / before.abs().max().clamp(min=1e-300))
        if not worst <= TOLERANCE:
            return f"self-check: outputs differ by {worst:.1e} relative"
    return None


def _sensitivity(model: nn.Module, graph: PruningGraph, images: Tensor) -> list[float]:
    """To first order, how far ignoring a group moves a random projection of the output, relative to its size."""
    model.requires_grad_(False)
    parameters = dict(model.named_parameters())
    consumed = {layer.weight for group in graph.groups for layer in (graph.layers[i] for i in group.consumers)}
    for name in consumed:
        if name is not None:
            parameters[name].requires_grad_(True)
    model.zero_grad()
    generator = torch.Generator().manual_seed(1)
    with torch.enable_grad():
        outputs = [out for out in output_tensors(model(images)) if out.requires_grad]
        weights = [torch.randn(out.shape, generator=generator, dtype=out.dtype) for out in outputs]
        total = sum((out * weight).sum() for out, weight in zip(outputs, weights, strict=True))
        if isinstance(total, Tensor):
            total.backward()
    size = sum(float((out.detach() * weight).abs().sum()) for out, weight in zip(outputs, weights, strict=True))
    result = []
    for group in graph.groups:
        moved = 0.0
        for layer in (graph.layers[i] for i in group.consumers):
            parameter = parameters[layer.weight or ""]
            if parameter.grad is not None:
                effect = (parameter.grad * parameter.detach()).transpose(0, layer.in_dimension)
                inside = (layer.weight_in.units >= group.first_unit) & (
                    layer.weight_in.units < group.first_unit + group.units
                )
                moved += float(effect[torch.from_numpy(inside)].abs().sum())
        result.append(moved / max(size, 1e-300))
    return result


def _run(model: nn.Module, images: Tensor) -> list[Tensor]:
    with torch.no_grad():
        return output_tensors(model(images))
