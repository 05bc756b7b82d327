"""The seconds that parts of a program take, added up while it runs."""

from __future__ import annotations

import functools
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock


class PartTimes:
    """Adds up the seconds of the parts of a program, each without the parts that run inside it.

    Attributes:
        seconds: The seconds of each part so far, by its name.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inside = [0.0]  # of each part that runs: seconds of the parts inside it

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """A context whose time is added to the part of that name."""
        start = time.perf_counter()
        self._inside.append(0.0)
        try:
            yield
        finally:
            passed = time.perf_counter() - start
            self.seconds[name] += passed - self._inside.pop()
            self._inside[-1] += passed

    @contextmanager
    def apart(self) -> Iterator[dict[str, float]]:
        """A context in which parts are added up on their own; it gives their seconds, by name."""
        outside, self.seconds = self.seconds, defaultdict(float)
        try:
            yield self.seconds
        finally:
            self.seconds = outside

    def time_calls(self, stack: ExitStack, owner: Any, function: str, part: str) -> None:
        """Add the time of all calls of a function to a part, until the stack ends.

        Args:
            stack: The contexts that end together.
            owner: The module or class that the function belongs to.
            function: The name of the function.
            part: The name of the part.
        """
        original = getattr(owner, function)

        @functools.wraps(original)
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.part(part):
                return original(*args, **kwargs)

        stack.enter_context(mock.patch.object(owner, function, timed))


def best_of(function: Callable[[], Any], repeats: int = 3) -> float:
    """The least seconds that a call of a function takes, of several calls."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)
