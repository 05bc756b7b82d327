"""Scoring policies in several processes, each with its share of the threads."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import torch
from torch import Tensor

from amc.graph import KeptCounts
from amc.scoring.candidates import Candidates
from amc.scoring.engines.parent_process import end_with_parent, leaving_ctrl_c
from amc.scoring.engines.shared_pickle import SharedPickle
from amc.scoring.racing import RaceReference
from amc.scoring.score import Score
from amc.utils.errors import UserError
from amc.utils.text import one_line


class Workers:
    """An engine of several processes on this machine; images and Gram matrices are in memory once.

    The processes end with this one, however it ends.

    Args:
        candidates: Makes and scores the networks.
        count: The number of processes.

    Raises:
        UserError: There is too little shared memory.
    """

    def __init__(self, candidates: Candidates, count: int) -> None:
        shared_pickle = SharedPickle.of(candidates.arguments)
        # The content does not fit into a pipe, whose reader imports first: starting would wait for one after the other.
        content = torch.frombuffer(bytearray(shared_pickle.content), dtype=torch.uint8)
        _share(content, shared_pickle.tensors)
        threads = max(torch.get_num_threads() // count, 1)
        self._pool = ProcessPoolExecutor(
            count,
            multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(content, shared_pickle.tensors, threads),
        )

    def __call__(self, policies: Sequence[KeptCounts], race_reference: RaceReference | None) -> Iterator[Score]:
        """The scores, in the order of the policies; given a reference, bad policies may be given up early.

        Raises:
            UserError: A process died.
        """
        try:
            with leaving_ctrl_c():  # the first time, this starts the processes
                scores = self._pool.map(_score, policies, [race_reference] * len(policies))
            yield from scores
        except BrokenProcessPool as error:
            raise UserError("a worker process was killed, perhaps for want of memory; try fewer --workers") from error

    def close(self) -> None:
        """End the processes, also in the middle of something: they may be slow, and the user waits for the end."""
        for process in self._pool._processes.values():
            process.kill()
        self._pool.shutdown(cancel_futures=True)


def _share(*blocks: Tensor) -> None:
    try:
        for block in blocks:
            block.share_memory_()
    except RuntimeError as error:  # /dev/shm is a file system of its own, and small in containers
        raise UserError(
            f"workers need {sum(block.nbytes for block in blocks):,} bytes of shared memory: {one_line(error)};"
            " give the container more (docker run --shm-size), or take --workers 1"
        ) from error


_candidates: Candidates


def _begin(content: Tensor, tensors: Tensor, threads: int) -> None:
    global _candidates
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where it could not be left to the main process
    torch.set_num_threads(threads)
    _candidates = Candidates(*SharedPickle(content.numpy().tobytes(), tensors).open())


def _score(kept_counts: KeptCounts, race_reference: RaceReference | None) -> Score:
    return _candidates.score(kept_counts, race_reference)
