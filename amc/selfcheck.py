"""The analysis checks itself: a compact network must compute what the original computes when consumers ignore the cut.

The reference is a copy of the original in which the consumers' weights that meet a cut channel are zero: exact for any
activation in between. Fresh and some pretrained networks hide errors (zero heads, tiny layer scales, all batch norms
alike), so both are built from a copy with randomised parameters and statistics, in float64 (in float32 where the
network's own code insists on it). A check counts only if ignoring the channels moves the output by far more than the
tolerance.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from amc.graph import Group, PruningGraph
from amc.graph.watch import output_tensors
from amc.inputs import Inputs, each_input
from amc.prune import compact, select
from amc.reference import ignore, randomised
from amc.text import one_line

TOLERANCES = {torch.float64: 1e-8, torch.float32: 1e-5}
"""Largest accepted difference, relative to the largest output; they leave about 1e-12 and 1e-6."""

Images = tuple[Tensor, ...]
"""Each input of the network."""


def check(model: nn.Module, graph: PruningGraph, example: Inputs, seed: int = 0) -> dict[int, str]:
    """Cut the groups of `graph` by one step and compare; returns the reason for each group that fails.

    All groups are cut in one pair of forward passes; on failure the set is halved until the culprits are alone. Where
    the original runs in training mode, the compact network must too: auxiliary heads may read channels there.
    Each input of `example` is `(batch, ...)`; two random images of its shape are used. What is no floating-point number
    (a class, a place, a mask) is taken from the example, since not all numbers may make sense.
    """
    generator = torch.Generator().manual_seed(seed)
    model = randomised(model, generator)
    images = tuple(_random(tensor, generator) for tensor in each_input(example))
    dtype = torch.float64
    if not _stays_double(model, images):
        dtype = torch.float32
        model, images = model.float(), tuple(x.float() if x.is_floating_point() else x for x in images)
    tolerance = TOLERANCES[dtype]
    original = _run(model, images)
    trains = _training_error(copy.deepcopy(model), images) is None
    failures: dict[int, str] = {}

    def search(groups: Sequence[Group]) -> None:
        if not groups:
            return
        failure = _difference(model, graph, groups, images, original, trains, tolerance)
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
        if group.index not in failures and sensitivity[group.index] < 100 * tolerance:
            failures[group.index] = "self-check: ignoring its channels does not move the output, so nothing is proved"
    return failures


def _random(example: Tensor, generator: torch.Generator) -> Tensor:
    if not example.is_floating_point():
        return example[:1].cpu().expand(2, *example.shape[1:]).contiguous()
    return torch.rand((2, *example.shape[1:]), generator=generator, dtype=torch.float64)


def _difference(
    model: nn.Module,
    graph: PruningGraph,
    groups: Sequence[Group],
    images: Images,
    original: list[Tensor],
    trains: bool,
    tolerance: float,
) -> str | None:
    alive = np.ones(graph.unit_count, dtype=np.bool_)
    for group in groups:
        step = group.units - group.choices[-2] if len(group.choices) > 1 else 0
        cut = np.random.default_rng(group.index).permutation(group.units)[:step]
        alive[group.first_unit + cut] = False
    small = compact(model, select(graph, model, alive))
    try:
        outputs = _run(small, images)
    except Exception as error:
        return f"self-check: the compact network fails with {one_line(error)}"
    if trains and (failure := _training_error(small, images)):
        return f"self-check: the compact network fails in training mode with {one_line(failure)}"
    wanted = _run(ignore(model, graph, alive), images)
    for got, want, before in zip(outputs, wanted, original, strict=True):
        if got.shape != want.shape:
            return f"self-check: the output has shape {tuple(got.shape)}, not {tuple(want.shape)}"
        if not got.is_floating_point():  # classes, masks: all that they show is in the numbers they come from
            continue
        worst = float((got - want).abs().max() / before.abs().max().clamp(min=1e-300))
        if not worst <= tolerance:
            return f"self-check: outputs differ by {worst:.1e} relative"
    return None


def _sensitivity(model: nn.Module, graph: PruningGraph, images: Images) -> list[float]:
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
        outputs = [out for out in output_tensors(model(*images)) if out.requires_grad]
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


class _Types(TorchDispatchMode):
    """Notes the floating-point types of everything that is computed."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[torch.dtype] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.seen |= {leaf.dtype for leaf in tree_leaves(out) if isinstance(leaf, Tensor) and leaf.is_floating_point()}
        return out


def _stays_double(model: nn.Module, images: Images) -> bool:
    """Whether the network computes in float64 when all it is given is; a cast or constant of its own may forbid it."""
    types = _Types()
    try:
        with types:
            _run(model, images)
    except RuntimeError:  # tensors of two types met
        return False
    return types.seen == {torch.float64}


def _training_error(model: nn.Module, images: Images) -> Exception | None:
    """What `model`, which is changed by it, raises in training mode."""
    try:
        with torch.random.fork_rng(devices=[]):  # of dropout
            _run(model.train(), images)
    except Exception as error:
        return error
    return None


def _run(model: nn.Module, images: Images) -> list[Tensor]:
    with torch.no_grad():
        return output_tensors(model(*images))
