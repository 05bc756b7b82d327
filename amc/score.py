"""The accuracy of the network that given keeps leave: what a search asks for, over and over."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from amc.compress import Compressor
from amc.evaluate import Batches, Metric
from amc.graph import Keeps
from amc.inference import for_inference


class PolicyScorer:
    """Prunes to given keeps and scores the compact network on the reward images.

    Scores are remembered by the keeps: the same keeps give the same network.
    """

    def __init__(self, compressor: Compressor, metric: Metric, reward: Callable[[], Batches]) -> None:
        self.compressor = compressor
        self._metric = metric
        self._reward = reward
        self._known: dict[bytes, float] = {}

    def __call__(self, keeps: Keeps) -> float:
        """The metric of the compact network with `keeps[g]` units of each group, int64 `(groups,)`."""
        key = keeps.tobytes()
        if key not in self._known:
            network, _ = self.compressor.compact(self.compressor.alive(keeps))
            self._known[key] = self.network(network)
        return self._known[key]

    def network(self, network: nn.Module) -> float:
        """The metric of the original or a compact network."""
        return self._metric(for_inference(network, self.compressor.graph), self._reward())
