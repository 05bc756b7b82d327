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
from amc.parent import end_with_parent, leaving_ctrl_c
from amc.racing import Score, Yardstick


class Workers:
    """Processes that score the same candidates; images and Gram matrices are in memory once.

    They end with this process, however it ends.

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
            with leaving_ctrl_c():  # the first time, this starts the processes
                scores = self._pool.map(_score, policies, [yardstick] * len(policies))
            yield from scores
        except BrokenProcessPool as error:
            raise UserError("a worker process was killed, perhaps for want of memory; try fewer --workers") from error

    def close(self) -> None:
        """End the processes, also in the middle of something: they may be slow, and the user waits for the end."""
        for process in self._pool._processes.values():
            process.kill()
        self._pool.shutdown(cancel_futures=True)


_candidates: Candidates


def _begin(parcel: Parcel, threads: int) -> None:
    global _candidates
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where it could not be left to the main process
    torch.set_num_threads(threads)
    _candidates = Candidates(*parcel.open())


def _score(keeps: Keeps, yardstick: Yardstick | None) -> Score:
    return _candidates.score(keeps, yardstick)
