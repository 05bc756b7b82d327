"""What an agent knows before its first episode, from searches of other networks or budgets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from agents.ddpg.replay import Transitions
from amc.graph import KeptCounts
from envs import PruningProblem

FindPolicies = Callable[[PruningProblem], Sequence[KeptCounts]]
"""A function that gives policies `(groups,)` within a problem's budgets."""


def no_policies(_: PruningProblem) -> Sequence[KeptCounts]:
    """No policies, for any problem."""
    return ()


@dataclass(frozen=True, eq=False)
class Prior:
    """What an agent begins with.

    Attributes:
        weights: Weights of an agent that was trained elsewhere, by their names in `policy`: it begins with what that
            agent would do, where a new one begins with the uniform policy. None for a new agent.
        rivals: Gives policies at a problem's budget that were found with that agent: the best of them and of the
            actor's is the first one then.
        lessons: What agents of earlier runs have scored: half of each batch is of one of these. Rewards are in a scale
            of their own (`agents.ddpg.lessons`).
    """

    weights: Mapping[str, Tensor] | None = None
    rivals: FindPolicies = no_policies
    lessons: Sequence[Transitions] = ()


NOTHING = Prior()
"""Of a new agent."""
