"""The tensors in the nested mappings and lists that a file of weights holds."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

from amc.networks.torch_file import SkippedObject

DEEPEST = 12  # containers in each other
MOST_PATHS = 16  # to one container, which a file may refer to any number of times


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in a file.

    Attributes:
        tensor: The tensor.
        container: Path of the mapping or list that holds it.
        name: Its key there.
    """

    tensor: Tensor
    container: str
    name: str


def find_tensors(tree: object) -> dict[str, StoredTensor]:
    """Return all tensors of nested mappings and lists by their paths: the keys that lead to them, joined by dots."""
    found: dict[str, StoredTensor] = {}
    paths: Counter[int] = Counter()
    waiting: deque[tuple[str, int, object]] = deque([("", 0, tree)])
    while waiting:
        path, depth, container = waiting.popleft()
        for key, value in _entries(container):
            full = join_path(path, key)
            if isinstance(value, Tensor):
                found.setdefault(full, StoredTensor(value, path, key))
            elif depth < DEEPEST and paths[id(value)] < MOST_PATHS:
                paths[id(value)] += 1
                waiting.append((full, depth + 1, value))
    return found


def join_path(path: str, key: str) -> str:
    """Return the path of the entry `key` of the container at `path`."""
    return f"{path}.{key}" if path else key


def _entries(container: object) -> Iterator[tuple[str, object]]:
    """Yield the tensors and containers in a container, by key."""
    if isinstance(container, Mapping):
        pairs: Iterator[tuple[object, object]] = iter(container.items())
    elif isinstance(container, list | tuple):
        pairs = iter(enumerate(container))
    else:
        return
    for key, value in pairs:
        wanted = isinstance(value, Tensor | Mapping | list | tuple) and not isinstance(value, SkippedObject)
        if wanted and isinstance(key, str | int):
            yield str(key), value
