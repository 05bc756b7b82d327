"""Choosing by patterns on layer names which groups may be pruned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase

from amc.graph.freeze import freeze
from amc.graph.structure import Group, PruningGraph
from amc.utils.errors import UserError
from amc.utils.option_names import option
from amc.utils.text import did_you_mean

Patterns = str | Sequence[str] | None
"""One pattern of layer names, or several; None for none."""


def choose_groups(graph: PruningGraph, frozen: Patterns, only: Patterns) -> PruningGraph:
    """Return the graph without the groups that the user does not want to be pruned; they are listed as frozen.

    A pattern (`*`, `?`, `[...]`) names a group where it matches a layer that produces the group's channels, or a module
    that holds such a layer.

    Args:
        graph: The graph of the network.
        frozen: Patterns of groups that stay whole.
        only: Patterns of the groups that may be pruned, all where there are none; `frozen` takes precedence.

    Raises:
        UserError: A pattern is no text, or matches no layer of the network and no module with layers.
    """
    frozen, only = _several("freeze", frozen), _several("only", only)
    known = set(_names(layer.name for layer in graph.layers))
    for name, pattern in [("freeze", pattern) for pattern in frozen] + [("only", pattern) for pattern in only]:
        if not _matches(pattern, known):
            asked = option(name, pattern or "''")
            raise UserError(f"{asked} matches no layer and no module that has layers; {did_you_mean(pattern, known)}")
    reasons = {group.index: _reason(graph, group, frozen, only) for group in graph.groups}
    return freeze(graph, {index: reason for index, reason in reasons.items() if reason is not None})


def _several(name: str, given: Patterns) -> tuple[str, ...]:
    several = (given,) if isinstance(given, str) else () if given is None else given
    if not isinstance(several, Iterable) or not all(isinstance(each, str) for each in several):
        raise UserError(f"expected {option(name)} as a pattern of layer names, or a list of several, got {given!r}")
    return tuple(several)


def _reason(graph: PruningGraph, group: Group, frozen: Sequence[str], only: Sequence[str]) -> str | None:
    names = set(_names(graph.layers[index].name for index in group.producers))
    for pattern in frozen:
        if _matches(pattern, names):
            return f"frozen by {option('freeze', pattern)}"
    if only and not any(_matches(pattern, names) for pattern in only):
        return f"not among {option('only', ' '.join(only))}"
    return None


def _matches(pattern: str, names: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names)


def _names(layers: Iterable[str]) -> Iterator[str]:
    """Yield the layers' names and those of the modules that hold them."""
    for name in layers:
        parts = name.split(".")
        yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))
