"""Scoring policies in several processes, each with its share of the threads."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import torch

from amc.candidates import Candidates
from amc.errors import UserError
from amc.graph import Keeps
from amc.parcel import Parcel
from amc.racing import Score, Yardstick


class Workers:
    """Processes that score the same candidates; images and Gram matrices are in memory once.

    Args:
        candidates: What they score.
        count: How many processes.
    """

    def __init__(self, candidates: Candidates, count: int) -> None:
        parcel = Parcel.of(candidates.recipe)
        parcel.tensors.share_memory_()
        threads = max(torch.get_num_threads() // count, 1)
        self._pool = ProcessPoolExecutor(
            count, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(parcel, threads)
        )

    def __call__(self, policies: Sequence[Keeps], yardstick: Yardstick | None) -> Iterator[Score]:
        """The scores, in the order of the policies; see `amc.score.ScoreAll`.

        Raises:
            UserError: a process died.
        """
        try:
            yield from self._pool.map(_score, policies, [yardstick] * len(policies))
        except BrokenProcessPool as error:
            raise UserError(
                "a worker process was killed, perhaps for want of memory; go on with --resume, or with fewer --workers"
            ) from error

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown(cancel_futures=True)


_candidates: Candidates


def _begin(parcel: Parcel, threads: int) -> None:
    global _candidates
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the main process's to answer
    torch.set_num_threads(threads)
    _candidates = Candidates(*parcel.open())


def _score(keeps: Keeps, yardstick: Yardstick | None) -> Score:
    return _candidates.score(keeps, yardstick)
