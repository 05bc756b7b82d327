"""Scoring policies on a Ray cluster: the same workers as `amc.workers`, as actors wherever Ray places them."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from amc.candidates import Candidates
from amc.errors import UserError
from amc.graph import Keeps
from amc.parcel import Parcel
from amc.racing import Answers, Score


class RayWorkers:
    """Actors that score the same candidates. What they need goes to Ray's object store once.

    The cluster is that of `RAY_ADDRESS` where that is set, else one of this machine alone. An actor that is lost is
    started again by Ray, where there is room; until then the others score its policies.

    Args:
        candidates: What they score.
        count: How many actors.

    Raises:
        UserError: Ray is not installed, or the cluster can't be reached.
    """

    def __init__(self, candidates: Candidates, count: int) -> None:
        try:
            import ray
        except ImportError as error:
            raise UserError("--engine ray needs Ray: pip install 'amc-pruning[ray]'") from error
        self._ray = ray
        parcel = Parcel.of(candidates.recipe)
        try:
            ray.init(ignore_reinit_error=True, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise UserError(f"the Ray cluster can't be reached: {error}") from error
        threads = max(torch.get_num_threads() // count, 1)
        there = int(ray.cluster_resources().get("CPU", 0))
        if there < count * threads:
            raise UserError(
                f"--workers {count} of {threads} threads each need more than the Ray cluster's {there} CPUs"
            )
        actor = ray.remote(num_cpus=threads, max_restarts=-1, scheduling_strategy="SPREAD")(_Worker)
        tensors = ray.put(parcel.tensors.numpy())
        self._idle: deque[Any] = deque(actor.remote(parcel.content, tensors, threads) for _ in range(count))

    def __call__(self, policies: Sequence[Keeps], reference: Answers | None) -> Iterator[Score]:
        """The scores, in the order of the policies; see `amc.score.ScoreAll`.

        Raises:
            UserError: all actors are lost.
        """
        ray = self._ray
        waiting = deque(range(len(policies)))
        running: dict[Any, tuple[int | None, Any]] = {}  # None: an actor that was lost is asked whether it is back
        found: dict[int, Score] = {}
        for wanted in range(len(policies)):
            while wanted not in found:
                while self._idle and waiting:
                    index, actor = waiting.popleft(), self._idle.popleft()
                    running[actor.score.remote(policies[index], reference)] = index, actor
                if not running:
                    raise UserError("all Ray workers are lost; go on with --resume")
                (done, *_), _ = ray.wait(list(running))
                place, actor = running.pop(done)
                try:
                    score = ray.get(done)
                except ray.exceptions.RayActorError:
                    if place is not None:
                        waiting.appendleft(place)
                        running[actor.is_there.remote()] = None, actor
                    continue
                self._idle.append(actor)
                if place is not None:
                    found[place] = score
            yield found.pop(wanted)
        self._idle.extend(actor for _, actor in running.values())

    def close(self) -> None:
        """End the actors."""
        self._ray.shutdown()


class _Worker:
    def __init__(self, content: bytes, tensors: NDArray[np.uint8], threads: int) -> None:
        torch.set_num_threads(threads)
        self._candidates = Candidates(*Parcel(content, torch.from_numpy(tensors)).open())

    def score(self, keeps: Keeps, reference: Answers | None) -> Score:
        return self._candidates.score(keeps, reference)

    def is_there(self) -> bool:
        return True
