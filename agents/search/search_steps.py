"""What searches of one budget, of several stages, and for the least budget have in common: searches one by one."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from torch import Tensor

from agents.episode import Episode, Past
from agents.final_result import FinalResult
from agents.search.found_point import FoundPoint
from agents.search.plan import Limits, SearchPlan
from agents.search.policy_maker import Tell
from agents.search.problem import make_problem
from agents.search.stage import Stage
from agents.strategy import OnEpisode
from amc.cost.costs import CostFunction
from amc.graph import PruningGraph
from amc.latency.latency_model import LatencyModel
from amc.scoring.score import Score
from amc.scoring.scorer import Scorer
from amc.task import Task
from amc.utils.errors import UserError
from envs.rewards import Outcome

LatencyOf = Callable[[PruningGraph], CostFunction]
"""Makes the function that gives the latency in ms of kept counts of a graph."""


class SearchSteps(ABC):
    """Searches one after the other, each at a budget of its own, which lead to one result.

    This is a context manager, which closes the scorer of the current stage when it is left.

    Args:
        plan: The plan of the search.
        latency_of: Makes the latency of a graph, where the search knows it.
        quiet: Whether nothing is printed.

    Attributes:
        budgets: The budgets of the stages, as far as they are known.
        current: The stage that is being searched.
        planned: How many policies are scored in all stages, at the most.
        points: What was found at each point of a range of budgets, once `final` has made it; none for one budget.
    """

    budgets: Sequence[Limits]
    current: Stage
    planned: int
    points: Sequence[FoundPoint] = ()

    def __init__(self, plan: SearchPlan, latency_of: LatencyOf | None, quiet: bool) -> None:
        self._plan = plan
        self._latency_of = latency_of
        self._quiet = quiet
        self._last_state: dict[str, Tensor] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.current.scorer.close()

    @abstractmethod
    def search(self, on_episode: OnEpisode, past: Past) -> None:
        """Search all stages to the end, or what is left of them after `past`.

        `on_episode` is called with every newly scored policy; its index counts through all stages.
        """

    @abstractmethod
    def best(self, episodes: Sequence[Episode]) -> Episode | None:
        """The episode whose policy is the result, as far as that is known without making networks; None for none yet.

        Args:
            episodes: The episodes of all stages so far.
        """

    @property
    @abstractmethod
    def result_task(self) -> Task:
        """The task, with its budgets, that the result is a policy for."""

    @abstractmethod
    def networks_made(self, episodes: Sequence[Episode]) -> int:
        """How many networks `final` makes."""

    @abstractmethod
    def final(
        self,
        episodes: Sequence[Episode],
        original_accuracy: float,
        *,
        latency_model: LatencyModel | None,
        kept_before: Episode | None,
        tell: Tell,
    ) -> FinalResult:
        """The policy that is kept, and the scores of what it has to beat.

        Args:
            episodes: The episodes of all stages.
            original_accuracy: The score of the original network on the reward images.
            latency_model: Measures latency, where the search knows it.
            kept_before: The episode whose policy was the result of a shorter search.
            tell: Told what is made, before it is.
        """

    def state(self) -> dict[str, Tensor]:
        """The state of the current stage's strategy after its last policy, as tensors by name, for a checkpoint.

        Policies that others chose, which may follow, teach it nothing.
        """
        return self._last_state

    @contextmanager
    def _closed_on_mistakes(self) -> Iterator[None]:
        """A context that ends what the current stage scores with where a user's mistake shows before any search."""
        try:
            yield
        except UserError:
            self.current.scorer.close()
            raise

    def _entered(self, number: int, task: Task, scorer: Scorer | None = None) -> Stage:
        """The stage of that number; its policies are scored by `scorer`, by a new one where there is none."""
        latency = self._latency_of(task.graph) if self._latency_of else None
        scorer = scorer or task.scorer(self._plan.make_engine, self._plan.score_cache)
        problem = make_problem(task, scorer, self._plan.reward, self._plan.observation, latency, self._quiet)
        strategy = self._plan.strategy(problem)
        if self._plan.start is not None:
            if not strategy.takes_start:
                raise UserError(f"strategy {type(strategy).__name__} does not begin from a policy that is given")
            problem = problem.begun_from(self._plan.start(problem))
        return Stage(number, task, scorer, problem, strategy)

    def _search_current(self, count: int, on_episode: OnEpisode, own: Past) -> None:
        """Search the current stage until its strategy has scored `count` policies, those of its `own` past included."""
        strategy, self._last_state = self.current.strategy, dict(own.state)

        def on_own_episode(episode: Episode) -> None:
            self._last_state = strategy.state()
            on_episode(episode)

        self.current.scorer.tell((each.kept_counts, _score_of(each.outcome)) for each in own.episodes)
        strategy.search(self.current.problem, count, self._plan.seed, on_own_episode, own)

    def _numbered(self, episodes: list[Episode], on_episode: OnEpisode) -> OnEpisode:
        """A listener that adds the episodes of the current stage to those of all stages, and passes them on."""

        def on_stage_episode(episode: Episode) -> None:
            found = dataclasses.replace(episode, index=len(episodes), stage=self.current.number)
            episodes.append(found)
            on_episode(found)

        return on_stage_episode


def of_stage(episodes: Sequence[Episode], number: int) -> list[Episode]:
    """The episodes of the stage of that number."""
    return [episode for episode in episodes if episode.stage == number]


def past_of_stage(past: Past, number: int, begun_with: int) -> Past:
    """The part of a search's past that belongs to one stage, the last one that was begun or a later one.

    The stage was to have `begun_with` episodes when the search was begun.
    """
    own = of_stage(past.episodes, number)
    episodes = (dataclasses.replace(episode, index=index, stage=0) for index, episode in enumerate(own))
    return Past(tuple(episodes), past.state if own else {}, begun_with)


def _score_of(outcome: Outcome) -> Score:
    accuracy = None if outcome.score is None else outcome.accuracy
    return Score(outcome.value, outcome.images, accuracy=accuracy)
