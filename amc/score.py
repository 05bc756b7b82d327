"""The accuracy of the network that given keeps leave: what a search asks for, over and over."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from amc.compress import Compressor
from amc.graph import Keeps


class PolicyScorer:
    """Prunes to given keeps and scores the compact network.

    Scores are remembered by the keeps: the same keeps give the same network.

    Args:
        compressor: Prunes the network.
        accuracy: Scores a network, in [0, 1].
    """

    def __init__(self, compressor: Compressor, accuracy: Callable[[nn.Module], float]) -> None:
        self.compressor = compressor
        self._accuracy = accuracy
        self._known: dict[bytes, float] = {}

    def __call__(self, keeps: Keeps) -> float:
        """The accuracy with `keeps[g]` units of each group, int64 `(groups,)`."""
        key = keeps.tobytes()
        if key not in self._known:
            network, _ = self.compressor.compact(self.compressor.alive(keeps))
            self._known[key] = self._accuracy(network)
        return self._known[key]
