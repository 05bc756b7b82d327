"""Where the policies of a search are scored: here one after the other, in processes, or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from amc.graph import KeptCounts
from amc.scoring.candidates import Candidates
from amc.scoring.engines.processes import Workers
from amc.scoring.engines.ray_cluster import RayWorkers
from amc.scoring.racing import RaceReference
from amc.scoring.score import Score
from amc.utils.errors import UserError
from amc.utils.registry import name_of, resolve


class Engine(Protocol):
    """An engine scores policies (`amc.scoring.scorer.ScoreAll`) until it is closed."""

    def __call__(self, policies: Sequence[KeptCounts], race_reference: RaceReference | None) -> Iterator[Score]:
        """The scores, in the order of the policies; given a reference, bad policies may be given up early."""

    def close(self) -> None:
        """End processes and give back memory; the engine is not used after that."""


MakeEngine = Callable[[Candidates], Engine]
"""Makes an engine that scores the given candidates."""


class SerialEngine:
    """An engine that scores one policy after the other in this process."""

    def __init__(self, candidates: Candidates) -> None:
        self._candidates = candidates

    def __call__(self, policies: Sequence[KeptCounts], race_reference: RaceReference | None) -> Iterator[Score]:
        """The scores, in the order of the policies; each is made when it is asked for."""
        for kept_counts in policies:
            yield self._candidates.score(kept_counts, race_reference)

    def close(self) -> None:
        """Do nothing: the engine holds nothing."""


MakeWorkers = Callable[[Candidates, int], Engine]
"""Makes an engine of candidates and a number of workers."""
ENGINES: dict[str, MakeWorkers] = {"processes": Workers, "ray": RayWorkers}
"""Engines by name."""


def find_engine(given: str | MakeWorkers) -> MakeWorkers:
    """The engine of that name, or the user's own: `path/to/file.py:function`, or from Python a `MakeWorkers`.

    Raises:
        UserError: There is no engine of that name, or no such function.
    """
    return resolve("engine", given, ENGINES)


def make_engine(given: str | MakeWorkers, workers: int) -> MakeEngine:
    """A function that makes an engine (`find_engine`) with that many workers; a single process is this one.

    Raises:
        UserError: There is no engine of that name, or no such function; what is returned raises one where the user's
            function makes no engine.
    """
    if given == "processes" and workers == 1:
        return SerialEngine
    make = find_engine(given)

    def made(candidates: Candidates) -> Engine:
        engine = make(candidates, workers)
        if not callable(engine) or not hasattr(engine, "close"):
            raise UserError(f"engine {name_of(given)} made {engine!r}, which is no {__name__}.Engine")
        return engine

    return made
