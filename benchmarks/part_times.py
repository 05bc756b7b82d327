"""Where the time of a search goes."""

from __future__ import annotations

import functools
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock


class PartTimes:
    """Adds up the seconds of parts, each without the parts that run inside it.

    Attributes:
        seconds: Of each part so far.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inside = [0.0]  # of each part that runs: seconds of the parts inside it

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Within it time is that part's."""
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
        """Within it parts are added up on their own: yields their seconds."""
        outside, self.seconds = self.seconds, defaultdict(float)
        try:
            yield self.seconds
        finally:
            self.seconds = outside

    def time_calls(self, stack: ExitStack, owner: Any, function: str, part: str) -> None:
        """Until the stack ends, what that function of a module or class takes is the part's."""
        original = getattr(owner, function)

        @functools.wraps(original)
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.part(part):
                return original(*args, **kwargs)

        stack.enter_context(mock.patch.object(owner, function, timed))


def best_of(function: Callable[[], Any], repeats: int = 3) -> float:
    """The least seconds that a call takes."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)
