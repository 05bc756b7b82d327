"""A search over one task: the pruning problem, a strategy, and the best policy that it meets."""

from __future__ import annotations

from collections.abc import Sequence

from agents.ddpg.settings import PRESETS
from agents.result import Episode, SearchResult, best_of, better
from agents.sb3 import PREFIX, check_algorithm
from agents.strategies import STRATEGIES
from agents.strategy import OnEpisode, Strategy
from amc.cost.costs import CostFunction
from amc.task import Task
from amc.utils.errors import UserError
from amc.utils.registry import look_up
from envs import PruningProblem
from envs.observations import OBSERVATIONS
from envs.rewards import REWARDS


def check_reward(reward: str, observation: str) -> None:
    """Raise a UserError for an unknown reward or observation set."""
    look_up("reward", reward, REWARDS)
    look_up("observation set", observation, OBSERVATIONS)


def make_problem(
    task: Task, reward: str = "error", observation: str = "scale_free", latency: CostFunction | None = None
) -> PruningProblem:
    """The pruning problem of a task; `latency` in ms for rewards that weigh it.

    Raises:
        UserError: an unknown reward or observation set, or a reward that does not go with the task's budgets.
    """
    check_reward(reward, observation)
    if REWARDS[reward].needs_budget and not task.budgets.limits:
        raise UserError(f"reward {reward} needs a budget such as macs=0.5")
    if not REWARDS[reward].needs_budget and task.budgets.limits:
        raise UserError(f"reward {reward} weighs accuracy against cost by itself; leave the budget out")
    if REWARDS[reward].needs_latency and latency is None:
        raise UserError(f"reward {reward} needs something that tells latency")
    importance = task.compressor.importance
    return PruningProblem(
        task.budgets, task.score, task.group_features, importance, reward, observation, latency, task.score.all
    )


def make_strategy(name: str, settings: str = "tuned", round_size: int = 1) -> Strategy:
    """The strategy of that name; where it may, it decides on `round_size` policies before they are scored.

    Raises:
        UserError: unknown strategy or settings.
    """
    if name.startswith(PREFIX):
        check_algorithm(name.removeprefix(PREFIX))
    return look_up("strategy", name, STRATEGIES)(look_up("settings", settings, PRESETS), round_size)


class BestOf:
    """Remembers every episode, those of the past included, and the best of them; passes each new one on."""

    def __init__(self, *listeners: OnEpisode, past: Sequence[Episode] = ()) -> None:
        self.episodes = list(past)
        self.best = best_of(past)
        self._listeners = listeners

    def __call__(self, episode: Episode) -> None:
        """Note one episode."""
        self.episodes.append(episode)
        self.best = better(self.best, episode)
        for listener in self._listeners:
            listener(episode)

    def result(self) -> SearchResult:
        """What was found so far; at least one policy within the budget must have been noted."""
        if self.best is None:
            raise ValueError("no policy within the budget was scored")
        return SearchResult(self.best, tuple(self.episodes))


def search(
    task: Task,
    episodes: int = 200,
    seed: int = 0,
    strategy: str = "ddpg",
    reward: str = "error",
    on_episode: OnEpisode | None = None,
) -> SearchResult:
    """Search for the policy with the largest reward.

    Args:
        task: What is pruned, and to which budget.
        episodes: How many policies are scored at the most.
        seed: Equal seeds give equal searches.
        strategy: A name in `agents.strategies.STRATEGIES`.
        reward: A name in `envs.rewards.REWARDS`.
        on_episode: Told of every scored policy.
    """
    noted = BestOf(*([on_episode] if on_episode else []))
    make_strategy(strategy).search(make_problem(task, reward), episodes, seed, noted)
    return noted.result()
