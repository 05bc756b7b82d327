"""Where the policies of a search are scored: here one after the other, in processes, or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from amc.graph import KeptCounts
from amc.scoring.candidates import Candidates
from amc.scoring.engines.processes import Workers
from amc.scoring.engines.ray_cluster import RayWorkers
from amc.scoring.racing import RaceReference, Score
from amc.utils.registry import resolve


class Engine(Protocol):
    """Scores policies (`amc.scoring.scorer.ScoreAll`) until it is closed."""

    def __call__(self, policies: Sequence[KeptCounts], race_reference: RaceReference | None) -> Iterator[Score]:
        """The scores in the order of the policies."""

    def close(self) -> None:
        """Give back what it holds."""


MakeEngine = Callable[[Candidates], Engine]


class SerialEngine:
    """Scores in this process."""

    def __init__(self, candidates: Candidates) -> None:
        self._candidates = candidates

    def __call__(self, policies: Sequence[KeptCounts], race_reference: RaceReference | None) -> Iterator[Score]:
        """See `Engine`."""
        for kept_counts in policies:
            yield self._candidates.score(kept_counts, race_reference)

    def close(self) -> None:
        """See `Engine`."""


class OnDemand:
    """An engine that is made when policies are to be scored, and made again when that is after it was closed."""

    def __init__(self, make: Callable[[], Engine]) -> None:
        self._make = make
        self._engine: Engine | None = None

    def __call__(self, policies: Sequence[KeptCounts], race_reference: RaceReference | None) -> Iterator[Score]:
        """See `Engine`."""
        if self._engine is None:
            self._engine = self._make()
        return self._engine(policies, race_reference)

    def close(self) -> None:
        """See `Engine`."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None


MakeWorkers = Callable[[Candidates, int], Engine]
"""Makes an engine of candidates and a number of workers."""
ENGINES: dict[str, MakeWorkers] = {"processes": Workers, "ray": RayWorkers}
"""Engines by name."""


def find_engine(given: str | MakeWorkers) -> MakeWorkers:
    """The engine of that name, or the user's own: `path/to/file.py:function`, or from Python a `MakeWorkers`.

    Raises:
        UserError: unknown name, no such function.
    """
    return resolve("engine", given, ENGINES)


def make_engine(given: str | MakeWorkers, workers: int) -> MakeEngine:
    """What makes an engine with so many workers, as `find_engine` takes it; one process is this one.

    Raises:
        UserError: as `find_engine`.
    """
    if given == "processes" and workers == 1:
        return SerialEngine
    make = find_engine(given)
    return lambda candidates: make(candidates, workers)
