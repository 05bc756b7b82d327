"""The arguments of a network: one tensor, a tuple of positional arguments, or a dictionary of named ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

Example = Tensor | tuple[Any, ...] | dict[str, Any]
"""An input `(batch, ...)`, or all arguments of the network, by place or by name, whose tensors are such inputs.

Tensors may lie in lists and dictionaries of an argument, too.
"""


def arguments(example: Example) -> tuple[Any, ...]:
    """Return the positional arguments of the network."""
    if isinstance(example, dict):
        return ()
    return (example,) if isinstance(example, Tensor) else example


def keyword_arguments(example: Example) -> dict[str, Any]:
    """Return the arguments of the network that are passed by name."""
    return example if isinstance(example, dict) else {}


def tensors(example: Example) -> list[Tensor]:
    """Return all tensors of the example, in order."""
    return [leaf for leaf in tree_leaves(example) if isinstance(leaf, Tensor)]


def feed(model: Callable[..., Any], example: Example) -> Any:
    """Call `model` with the arguments in `example` and return its result."""
    return model(*arguments(example), **keyword_arguments(example))


def batch_size(example: Example) -> int:
    """Return how many images, or other inputs, the example's batch has."""
    return len(tensors(example)[0])


def clone_inputs(example: Example) -> Example:
    """Return the same arguments with their tensors copied to memory of their own."""
    result: Example = tree_map(lambda leaf: leaf.clone() if isinstance(leaf, Tensor) else leaf, example)
    return result


def take_first(example: Example, count: int) -> Example:
    """Return the first `count` inputs of the example's batch."""
    result: Example = tree_map(lambda leaf: leaf[:count] if isinstance(leaf, Tensor) else leaf, example)
    return result


def take(example: Example, numbers: Tensor) -> Example:
    """Return the inputs of those numbers, int64 `(count,)`, of the example's batch, in memory of their own."""

    def taken(leaf: Any) -> Any:
        return leaf[numbers.to(leaf.device)] if isinstance(leaf, Tensor) else leaf

    result: Example = tree_map(taken, example)
    return result


def split_batch(example: Example, most: int) -> Iterator[Example]:
    """Yield the example's batch in consecutive pieces of at most `most` inputs."""
    for start in range(0, batch_size(example), most):

        def part(leaf: Any, start: int = start) -> Any:
            return leaf[start : start + most] if isinstance(leaf, Tensor) else leaf

        yield tree_map(part, example)


def join_batches(examples: Sequence[Example]) -> Example:
    """Return the batches of all examples joined to one."""

    def joined(*leaves: Any) -> Any:
        return torch.cat(leaves) if isinstance(leaves[0], Tensor) else leaves[0]

    result: Example = tree_map(joined, *examples)
    return result


def random_inputs(example: Example, batch: int, largest: int, generator: torch.Generator) -> Example:
    """Return `batch` random float64 inputs like those of `example` on the CPU, in space no larger than `largest`.

    Integer tensors (classes, tokens) repeat the first input's.
    """

    def like(leaf: Any) -> Any:
        if not isinstance(leaf, Tensor):
            return leaf
        shape = (*leaf.shape[1:2], *(min(size, largest) for size in leaf.shape[2:]))
        if leaf.is_floating_point():
            return torch.rand((batch, *shape), generator=generator, dtype=torch.float64)
        return leaf[tuple(slice(size) for size in (1, *shape))].cpu().expand(batch, *shape)

    result: Example = tree_map(like, example)
    return result


def cast_floats(example: Example, dtype: torch.dtype) -> Example:
    """Return the same arguments with their floating-point tensors in `dtype`."""

    def of(leaf: Any) -> Any:
        return leaf.to(dtype) if isinstance(leaf, Tensor) and leaf.is_floating_point() else leaf

    result: Example = tree_map(of, example)
    return result
