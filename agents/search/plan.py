"""The plan that a search follows: how many policies it scores, by which strategy, in which stages.

How the episodes are split over the stages is in `agents.search.stages`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agents.search.drop_goal import DropGoal
from agents.search.front_goal import FrontGoal
from agents.strategy import Strategy
from amc.graph import KeptCounts
from amc.scoring.engines.engine import MakeEngine, SerialEngine
from amc.utils.errors import UserError
from envs import PruningProblem
from envs.observations import MakeObservation
from envs.rewards import RewardFunction

Limits = tuple[str, ...]
"""Budgets that hold at once, such as `macs=0.5`."""


@dataclass(frozen=True)
class SearchPlan:
    """The plan by which a search finds the policy of a task.

    Attributes:
        strategy: Makes the strategy of a stage for its pruning problem.
        episodes: The number of policies that are scored at the most, in all stages together.
        seed: The seed of everything that is drawn; equal seeds give equal searches.
        reward: The reward that is maximised, as `envs.rewards.find_reward` takes it.
        observation: The observation set, which says what an agent sees, as `envs.observations.find_observation` takes
            it.
        stages: Budgets of the stages before the last one, whose budgets are the task's.
        tune_steps: Steps of training between two stages, 128 images each.
        zero_shot: Whether the first policy is what a trained agent does before it learns on this network.
        make_engine: Makes the engine that scores policies, in this process, in several, or on a cluster.
        start: Gives the policy `(groups,)` that the search of a problem begins from; None where the strategy decides.
        score_cache: A file of scores that searches on the same network and images share; None for none.
        goal: What is searched for in place of budgets; None where the task and the stages have those.
        front: The range of budgets that is searched, where the task's budget is that of one point in it; None for one
            budget.
        begun_with: The number of episodes that the search was begun with, where it goes on to another one; None where
            it is the same.
    """

    strategy: Callable[[PruningProblem], Strategy]
    episodes: int = 200
    seed: int = 0
    reward: str | RewardFunction = "error"
    observation: str | MakeObservation = "scale_free"
    stages: tuple[Limits, ...] = ()
    tune_steps: int = 0
    zero_shot: bool = False
    make_engine: MakeEngine = SerialEngine
    start: Callable[[PruningProblem], KeptCounts] | None = None
    score_cache: Path | None = None
    goal: DropGoal | None = None
    front: FrontGoal | None = None
    begun_with: int | None = None

    @property
    def is_extended(self) -> bool:
        """Whether the search goes on to another number of episodes than it was begun with."""
        return self.begun_with not in (None, self.episodes)

    def shares(self, episodes: int) -> list[int]:
        """How many of `episodes` each stage gets: all the same, later ones the remainder.

        Raises:
            UserError: There are fewer episodes than stages.
        """
        count = len(self.stages) + 1
        if episodes < count:
            raise UserError(f"expected at least an episode for each of the {count} stages, got {episodes}")
        return [(episodes + place) // count for place in range(count)]
