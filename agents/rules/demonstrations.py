"""The policies of rules that need no score, which a search may begin with."""

from __future__ import annotations

from agents.rules.schedules import channel_pruning, deep, shallow, uniform
from agents.rules.second_order import second_order
from agents.rules.threshold import global_threshold
from amc.graph import KeptCounts
from envs import PruningProblem

DEMONSTRATED = (uniform, second_order, global_threshold, channel_pruning, shallow, deep)
"""The rules, of which the uniform one comes first."""


def first_policy(problem: PruningProblem) -> KeptCounts:
    """The policy `(groups,)` that a search begins with: the start that it was given, or the uniform one."""
    return uniform(problem) if problem.start is None else problem.start


def demonstrations(problem: PruningProblem) -> list[KeptCounts]:
    """The first policy `(groups,)` and those of `DEMONSTRATED`, each policy once."""
    chosen = (first_policy(problem), *(rule(problem) for rule in DEMONSTRATED))
    return list({policy.tobytes(): policy for policy in chosen}.values())
