"""The accuracy of the network that given keeps leave: what a search asks for, over and over."""

from __future__ import annotations

from collections.abc import Callable

from amc.graph import Keeps


class PolicyScorer:
    """Remembers scores by the keeps: the same keeps give the same network.

    Args:
        score: Prunes to keeps and scores the compact network, in [0, 1].
    """

    def __init__(self, score: Callable[[Keeps], float]) -> None:
        self._score = score
        self._known: dict[bytes, float] = {}

    def __call__(self, keeps: Keeps) -> float:
        """The accuracy with `keeps[g]` units of each group, int64 `(groups,)`."""
        key = keeps.tobytes()
        if key not in self._known:
            self._known[key] = self._score(keeps)
        return self._known[key]
