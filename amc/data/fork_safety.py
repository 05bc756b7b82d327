"""Datasets that open files, read safely by this process and by worker processes that are forked from it.

Many datasets open their file at the first access. A process that is forked from one that has read shares the position
in that file, and images come damaged. So this process reads a copy, and worker processes get the original, which nobody
has read.
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
"""Types whose objects a copy shares with its original: large, or not to be copied, and without a file position."""

PLAIN = frozenset({str, int, float, bool, tuple, list, dict, type(None)})
"""Types of which there may be millions of objects, recognised first for speed."""


class ForkSafe(Generic[T]):
    """A dataset or loader that may open files as it is used, and the copy of it that this process reads.

    Args:
        original: The object as the user handed it over.

    Attributes:
        fault: Why it can't be copied, such as an open file; it is then read by this process alone. None where it can.
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
    def for_workers(self) -> T:
        """The original, for worker processes."""
        return self._original

    @property
    def for_this_process(self) -> T:
        """The object to read in this process: the copy, or in a worker process of a `DataLoader` the original."""
        return self._copy if get_worker_info() is None else self._original

    def __reduce__(self) -> tuple[type[ForkSafe[T]], tuple[T]]:
        """Send the original to another process, as it was before anything was read."""
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
        """Replace shared objects by their place in a list."""
        if type(thing) in PLAIN or not isinstance(thing, SHARED):
            return None
        self.shared.append(thing)
        return len(self.shared) - 1


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, shared: list[Any]) -> None:
        super().__init__(stream)
        self._shared = shared

    def persistent_load(self, place: int) -> Any:
        """Return the shared object in that place."""
        return self._shared[place]
