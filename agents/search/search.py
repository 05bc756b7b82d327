"""The search of Python users, with defaults for all that most need not choose."""

from __future__ import annotations

from pathlib import Path

from agents.search.invocation import python_invocation
from agents.search.plan import SearchPlan
from agents.search.search_result import SearchResult
from agents.search.search_run import SearchRun
from agents.strategies import MakeStrategy, make_strategy
from agents.strategy import OnEpisode, Strategy
from amc.artifacts.run_folder import check_free
from amc.task import Task
from envs.rewards import RewardFunction


def search(
    task: Task,
    episodes: int = 200,
    seed: int = 0,
    strategy: str | Strategy | MakeStrategy = "ddpg",
    reward: str | RewardFunction = "error",
    on_episode: OnEpisode | None = None,
    *,
    folder: str | Path | None = None,
) -> SearchResult:
    """Search for the policy with the largest reward, and make the network that is kept.

    The same seed gives the same policy as `python -m scripts.train`. What has no argument here (stages, workers, what
    an agent sees) is decided by a `SearchPlan`, which `SearchRun` takes.

    Args:
        task: The network that is pruned, with its images and budgets.
        episodes: How many policies are scored at the most.
        seed: The seed of everything that is drawn; equal seeds give equal searches.
        strategy: How policies are found, as `agents.strategies.make_strategy` takes it.
        reward: The reward that is maximised, as `envs.rewards.find_reward` takes it.
        on_episode: Called with every policy that is scored.
        folder: A new folder, to which all is written as it is found; None to write nothing (`SearchResult.save`).

    Raises:
        UserError: An unknown name, a reward that does not go with the budgets, a folder that is not free.
    """
    if folder is not None:
        check_free(folder)
    plan = SearchPlan(lambda _: make_strategy(strategy), episodes, seed, reward)
    run = SearchRun(task, plan, python_invocation(task, strategy, reward), None if folder is None else Path(folder))
    return run.run(on_episode)
