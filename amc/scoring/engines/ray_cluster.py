"""Scoring policies on a Ray cluster.

The same workers as `amc.scoring.engines.processes`, as actors wherever Ray places them.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from amc.graph import KeptCounts
from amc.scoring.candidates import Candidates
from amc.scoring.engines.shared_pickle import SharedPickle
from amc.scoring.racing import RaceReference
from amc.scoring.score import Score
from amc.utils.errors import UserError

LEAST_PATIENCE = 10.0
"""The seconds without a result after which other actors score what an actor was given, at the least."""
PATIENCE = 3
"""The time without a result after which others score it, as a multiple of the longest that a score took."""


class RayWorkers:
    """An engine of actors on a Ray cluster; what they need goes to Ray's object store once.

    The cluster is that of `RAY_ADDRESS` where that is set, else one of this machine alone. An actor that is lost is
    started again by Ray, where there is room; until then the others score its policies.

    Args:
        candidates: Makes and scores the networks.
        count: The number of actors.

    Raises:
        UserError: Ray is not installed, or the cluster can't be reached or has too few processors.
    """

    def __init__(self, candidates: Candidates, count: int) -> None:
        try:
            import ray
        except ImportError as error:
            raise UserError("--engine ray needs Ray: pip install 'amc-pruning[ray]'") from error
        self._ray = ray
        self._is_ours = not ray.is_initialized()
        shared_pickle = SharedPickle.of(candidates.arguments)
        try:
            ray.init(ignore_reinit_error=True, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise UserError(f"the Ray cluster can't be reached: {error}") from error
        threads = max(torch.get_num_threads() // count, 1)
        there = int(ray.cluster_resources().get("CPU", 0))
        if there < count * threads:
            if self._is_ours:
                ray.shutdown()
            raise UserError(
                f"--workers {count} of {threads} threads each need more than the Ray cluster's {there} CPUs"
            )
        actor = ray.remote(num_cpus=threads, max_restarts=-1, scheduling_strategy="SPREAD")(_Worker)
        tensors = ray.put(shared_pickle.tensors.numpy())
        self._idle: deque[Any] = deque(actor.remote(shared_pickle.content, tensors, threads) for _ in range(count))
        self._busy: dict[Any, _Work] = {}
        self._longest = 0.0

    def __call__(self, policies: Sequence[KeptCounts], race_reference: RaceReference | None) -> Iterator[Score]:
        """Yield the score of each policy, in their order; given a reference, bad policies may be given up early.

        Raises:
            UserError: All actors are lost.
        """
        waiting = deque(range(len(policies)))
        found: dict[int, Score] = {}
        try:
            for wanted in range(len(policies)):
                while wanted not in found:
                    while self._idle and waiting:
                        index, actor = waiting.popleft(), self._idle.popleft()
                        self._busy[actor.score.remote(policies[index], race_reference)] = _Work(actor, index)
                    waiting += self._wait(found)
                yield found[wanted]
        finally:  # whoever still works is idle when that is done
            for work in self._busy.values():
                work.index = None

    def _wait(self, found: dict[int, Score]) -> list[int]:
        """Take one result, if any comes, and return the policies that are to be scored by another actor."""
        ray = self._ray
        if not self._busy:
            raise UserError("all Ray workers are lost; look for the reason in the logs of the Ray cluster")
        done, _ = ray.wait(list(self._busy), timeout=max(LEAST_PATIENCE, PATIENCE * self._longest))
        if not done:
            return self._late(found) if self._idle else []
        work = self._busy.pop(done[0])
        try:
            score = ray.get(done[0])
        except ray.exceptions.RayActorError:
            if work.index is None:
                return []
            self._busy[work.actor.is_there.remote()] = _Work(work.actor, None)
            return [work.index] if work.index not in found else []
        self._idle.append(work.actor)
        if work.index is not None:
            self._longest = max(self._longest, time.monotonic() - work.begun)
            found[work.index] = score
        return []

    def _late(self, found: Mapping[int, Score]) -> list[int]:
        """Return the policies that are late and may be scored by a second actor as well; each is returned once.

        An actor that Ray starts again does not give up the policy that it was given.
        """
        late = [work for work in self._busy.values() if work.index is not None and not work.is_late]
        for work in late:
            work.is_late = True
        return [work.index for work in late if work.index is not None and work.index not in found]

    def close(self) -> None:
        """End the actors, and the connection to the cluster unless it was there before."""
        if self._is_ours:
            self._ray.shutdown()
            return
        for actor in (*self._idle, *(work.actor for work in self._busy.values())):
            self._ray.kill(actor)


@dataclass
class _Work:
    """A call that an actor is busy with.

    Attributes:
        actor: The actor.
        index: The policy that it scores, by its place; None where no score is awaited, only that the actor is idle.
        is_late: Whether other actors may score the policy as well, since its score is long in coming.
        begun: When the call was made, by the monotonic clock in seconds.
    """

    actor: Any
    index: int | None
    is_late: bool = False
    begun: float = field(default_factory=time.monotonic)


class _Worker:
    def __init__(self, content: bytes, tensors: NDArray[np.uint8], threads: int) -> None:
        torch.set_num_threads(threads)
        self._candidates = Candidates(*SharedPickle(content, torch.from_numpy(tensors)).open())

    def score(self, kept_counts: KeptCounts, race_reference: RaceReference | None) -> Score:
        return self._candidates.score(kept_counts, race_reference)

    def is_there(self) -> bool:
        return True
