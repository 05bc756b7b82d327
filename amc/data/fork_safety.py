"""A user's dataset as it was handed over, and a copy of it that this process reads.

Many datasets open their file at the first access. A process that is forked from one that has read shares the position
in that file, and images come damaged. So this process reads a copy, and worker processes get what nobody has read.
"""

from __future__ import annotations

import io
import pickle
from types import FunctionType, ModuleType
from typing import Any, Generic, TypeVar

import numpy as np
from torch import Tensor
from torch.utils.data import get_worker_info

from amc.utils.text import one_line

T = TypeVar("T")
SHARED = (Tensor, np.ndarray, bytes, FunctionType, ModuleType, type)
"""What a copy has in common with its original: large, or not to be copied, and without a position."""

PLAIN = frozenset({str, int, float, bool, tuple, list, dict, type(None)})
"""Types of which there may be millions, for a quick answer."""


class ForkSafe(Generic[T]):
    """Something that may open files as it is used.

    Args:
        original: what was handed over.

    Attributes:
        fault: why it can't be copied, as an open file can't; it is then read by this process alone. None where it can.
    """

    def __init__(self, original: T) -> None:
        self._original = original
        self.fault: str | None = None
        self._copy = original
        try:
            self._copy = _copied(original)
        except Exception as error:  # a user's objects may raise anything
            self.fault = one_line(error)

    @property
    def untouched(self) -> T:
        """What was handed over: for worker processes."""
        return self._original

    @property
    def here(self) -> T:
        """What to read in this process: the copy, or in a worker process of a `DataLoader` the original."""
        return self._copy if get_worker_info() is None else self._original

    def __reduce__(self) -> tuple[type[ForkSafe[T]], tuple[T]]:
        """On the way to another process it is what it was before anything was read."""
        return ForkSafe, (self._original,)


def _copied(thing: T) -> T:
    stream = io.BytesIO()
    pickler = _Pickler(stream, protocol=pickle.HIGHEST_PROTOCOL)
    pickler.dump(thing)
    stream.seek(0)
    copy: T = _Unpickler(stream, pickler.shared).load()
    return copy


class _Pickler(pickle.Pickler):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.shared: list[Any] = []

    def persistent_id(self, thing: Any) -> int | None:
        """Shared objects are replaced by their place in a list."""
        if type(thing) in PLAIN or not isinstance(thing, SHARED):
            return None
        self.shared.append(thing)
        return len(self.shared) - 1


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, shared: list[Any]) -> None:
        super().__init__(stream)
        self._shared = shared

    def persistent_load(self, place: int) -> Any:
        """The object in that place."""
        return self._shared[place]
