"""Which of a network's outputs are scores of classes and which other values, from the words that a user gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_leaves

from amc.recovery.output_distance import KINDS, SCORES, VALUES, OutputKinds, float_tensors
from amc.scoring.metrics import Metric, top_k
from amc.utils.errors import UserError
from amc.utils.option_names import option

ONLY = "output"
"""The name of an output that is all a network returns."""


def trained_kinds(asked: str | None, outputs: Any, metric: Metric) -> OutputKinds:
    """The kinds of a network's outputs for recovery by gradients; none where it returns nothing that can be trained.

    Args:
        asked: The kinds that a user gave, as `find_kinds` takes them.
        outputs: What the network returned for some images.
        metric: What scores the network: where it compares classes, outputs that can be scores are.

    Raises:
        UserError: As `find_kinds`.
    """
    found = float_tensors(outputs)
    if not found:
        return ()
    are_scores = top_k(metric) is not None and all(each.ndim > 1 and each.shape[1] > 1 for each in found)
    return find_kinds(asked, outputs, SCORES if are_scores else VALUES)


def find_kinds(asked: str | None, outputs: Any, default: str = VALUES) -> OutputKinds:
    """The kind of each of a network's outputs.

    Args:
        asked: `scores` or `values` for all outputs, or kinds by the name of the output, `boxes=values,logits=scores`,
            the others having `default`; None for `default` everywhere. A name is the key or the position of an output,
            joined by dots where it lies deeper, as in `heads.0`.
        outputs: What the network returns for some images.
        default: The kind of an output that is not named.

    Raises:
        UserError: The network returns no floating-point numbers, has no output of such a name, there is no such kind,
            or scores have no dimension of classes.
    """
    found = named_outputs(outputs)
    if not found:
        raise UserError("outputs can't be compared: the network returns no tensor of floating-point numbers")
    kinds = dict.fromkeys(found, default)
    for name, kind in _pairs(asked):
        if kind not in KINDS or (name is not None and name not in found):
            _refuse(asked, found)
        kinds |= dict.fromkeys(found if name is None else (name,), kind)
    for name, kind in kinds.items():
        shape = found[name].shape
        if kind == SCORES and (len(shape) < 2 or shape[1] < 2):
            raise UserError(
                f"scores have classes in their second dimension, and {name} is {_shape(found[name])}; give"
                f" {option('output_kind', f'{name}={VALUES}' if len(found) > 1 else VALUES)}"
            )
    return tuple(kinds.values())


def named_outputs(outputs: Any) -> dict[str, Tensor]:
    """The floating-point tensors in what a network returned by name, in the order of `float_tensors`."""
    return dict(_named(outputs, ""))


def _pairs(asked: str | None) -> Iterator[tuple[str | None, str]]:
    """The names and the kinds that a user gives; the name None is that of all outputs."""
    for part in asked.split(",") if asked is not None else ():
        name, equals, kind = part.strip().rpartition("=")
        yield (name.strip() if equals else None), kind.strip()


def _named(outputs: Any, path: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(outputs, Tensor):
        if outputs.is_floating_point():
            yield path or ONLY, outputs
        return
    parts = tree_leaves(outputs, is_leaf=lambda each: each is not outputs)
    if any(each is outputs for each in parts):  # no container that PyTorch knows
        inside = vars(outputs) if hasattr(outputs, "__dict__") else {}
        parts, keys = list(inside.values()), list(inside)
    else:
        keys = _keys(outputs, len(parts))
    for key, part in zip(keys, parts, strict=True):
        yield from _named(part, f"{path}.{key}" if path else str(key))


def _keys(container: Any, count: int) -> list[Any]:
    """The names of the parts of a container: keys, fields, or else positions."""
    if isinstance(container, Mapping):
        keys = list(container)
    elif is_dataclass(container):
        keys = [each.name for each in fields(container)]
    else:
        keys = list(getattr(container, "_fields", ()))
    return keys if len(keys) == count else list(range(count))


def _refuse(asked: str | None, found: Mapping[str, Tensor]) -> None:
    listed = ", ".join(f"{name} {_shape(tensor)}" for name, tensor in found.items())
    raise UserError(
        f"expected {option('output_kind')} as {' or '.join(KINDS)} for all outputs, or NAME=KIND for each with commas"
        f" between them, got {asked!r}; the network returns {listed}"
    )


def _shape(tensor: Tensor) -> str:
    return f"({', '.join(('n', *map(str, tensor.shape[1:])))})" if tensor.ndim else "()"
