"""What `summary.json` tells of a search that has ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from amc.artifacts.checked_json import Count
from amc.cost.costs import LATENCY


@dataclass(frozen=True)
class RunSources:
    """The arguments of a run that may name a user's own file."""

    model: str
    data: str
    metric: str


@dataclass(frozen=True)
class RunSummary:
    """The numbers of a search that has ended, as far as its report shows them; accuracies are in [0, 1].

    Attributes:
        original_accuracy, uniform_accuracy, zero_shot_accuracy, policy_accuracy: Scores on the reward split.
        test_accuracy_original, test_accuracy_uniform, test_accuracy_zero_shot, test_accuracy_policy: Scores on the
            test split.
        macs_after, params_after, memory_after, latency_after_ms: Costs of the network that was found.
        episodes: How many policies were scored.
        wall_seconds: How long the run took in all.
        arguments: What the run was begun with.
        interrupted: Whether Ctrl-C ended the search.
    """

    original_accuracy: float
    uniform_accuracy: float
    policy_accuracy: float
    test_accuracy_original: float
    test_accuracy_uniform: float
    test_accuracy_policy: float
    macs_after: Count
    params_after: Count
    memory_after: Count
    episodes: Count
    wall_seconds: float
    arguments: RunSources
    interrupted: bool = False
    zero_shot_accuracy: float | None = None
    test_accuracy_zero_shot: float | None = None
    latency_after_ms: float | None = None

    @property
    def costs(self) -> Mapping[str, float]:
        """The costs of the network that was found, by kind; latency where the search knew it."""
        latency = {} if self.latency_after_ms is None else {LATENCY: self.latency_after_ms}
        return {"macs": self.macs_after, "params": self.params_after, "memory": self.memory_after, **latency}
