"""Runs of a network for the sake of a check: on small random inputs, and leaving the network as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from amc.graph import Example, PruningGraph
from amc.graph.inputs import clone_inputs, random_inputs, tensors
from amc.graph.raw_heads import RawHeads, comparable_outputs
from amc.graph.trace_forward import output_tensors, preserve_state
from amc.utils.operator_mode import OperatorMode

SIZES = (32, 64, 128)
"""Largest heights and widths that are tried before the example's own."""


def small_inputs(
    example: Example, graph: PruningGraph, analysed: Callable[[Example], PruningGraph], generator: torch.Generator
) -> Iterator[Example]:
    """Yield two random inputs like `example`: the smallest still `analysed` as `graph`, then those of its own size."""
    own = max((size for tensor in tensors(example) for size in tensor.shape[2:]), default=1)
    for size in SIZES:
        if size < own:
            inputs = random_inputs(example, 2, size, generator)
            if _is_same(graph, analysed, inputs):
                yield inputs
                break
    yield random_inputs(example, 2, own, generator)


def _is_same(graph: PruningGraph, analysed: Callable[[Example], PruningGraph], inputs: Example) -> bool:
    try:
        found = analysed(inputs)
    except Exception:  # too small for the network
        return False
    return found.fingerprint == graph.fingerprint and _calls(found) == _calls(graph)


def _calls(graph: PruningGraph) -> tuple[int, list[tuple[str, int]]]:
    """Return how many layers are called, and which calls of operators take statistics."""
    return len(graph.layers), [(each.operator, each.call) for each in graph.statistics]


def float_outputs(model: nn.Module, inputs: Example, heads: RawHeads = ()) -> list[Tensor]:
    """Return the floating-point tensors that a network is compared by; classes and masks follow from them."""
    outputs = output_tensors(comparable_outputs(model, clone_inputs(inputs), heads))
    return [out for out in outputs if out.is_floating_point()]


def is_repeatable(model: nn.Module, inputs: Example) -> bool:
    """Return whether the network gives the same outputs for the same inputs, up to rounding."""
    with torch.no_grad():
        first, second = float_outputs(model, inputs), float_outputs(model, inputs)
    if have_other_shapes(first, second):
        return False
    return all(torch.allclose(one, other, rtol=1e-3, equal_nan=True) for one, other in zip(first, second, strict=True))


def have_other_shapes(outputs: Sequence[Tensor], others: Sequence[Tensor]) -> bool:
    """Return whether two lists of tensors differ in their length or in a shape."""
    return [each.shape for each in outputs] != [each.shape for each in others]


def computes_in_float64(model: nn.Module, inputs: Example) -> bool:
    """Return whether all that a float64 network computes is float64: a cast or constant of its own may forbid it."""
    types = _Types()
    try:
        with torch.no_grad(), types:
            float_outputs(model, inputs)
    except Exception:  # tensors of two types met, or the network asks for its own
        return False
    return types.found == {torch.float64}


def training_error(model: nn.Module, inputs: Example) -> Exception | None:
    """Return what `model` raises in training mode, or None."""
    try:
        with torch.no_grad(), preserve_state(model):
            float_outputs(model.train(), inputs)
    except Exception as error:
        return error
    return None


class _Types(OperatorMode):
    """A dispatch mode that collects the floating-point types of everything that is computed."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[torch.dtype] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.found |= {leaf.dtype for leaf in tree_leaves(out) if isinstance(leaf, Tensor) and leaf.is_floating_point()}
        return out
