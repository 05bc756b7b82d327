"""The policies of rules that need no score, which a search may begin with."""

from __future__ import annotations

from agents.rules.schedules import channel_pruning, deep, shallow, uniform
from agents.rules.threshold import global_threshold
from amc.graph import KeptCounts
from envs import PruningProblem

DEMONSTRATED = (uniform, global_threshold, channel_pruning, shallow, deep)
"""The rules, of which the uniform one comes first."""


def demonstrations(problem: PruningProblem) -> list[KeptCounts]:
    """The policies `(groups,)` of `DEMONSTRATED`, each policy once."""
    policies = {policy.tobytes(): policy for policy in (rule(problem) for rule in DEMONSTRATED)}
    return list(policies.values())
