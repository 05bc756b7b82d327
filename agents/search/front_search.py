"""The search over a range of budgets: one agent for all of them, and networks at some."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from agents.episode import Episode, Past, best_of
from agents.final_result import FinalResult
from agents.search.final import final_result
from agents.search.finalists import decide_recovery, networks_made
from agents.search.found_point import FoundPoint
from agents.search.front_goal import FrontGoal
from agents.search.plan import Limits, SearchPlan
from agents.search.policy_maker import PolicyMaker, Tell
from agents.search.search_steps import LatencyOf, SearchSteps, past_of_stage
from agents.search.stage import Stage
from agents.strategy import OnEpisode
from amc.cost.budget import Budgets
from amc.latency.latency_model import LatencyModel
from amc.task import Task
from amc.utils.errors import UserError

EPISODES_A_POINT = 8
"""The episodes for each point from which on the last one of each is the policy of which most is expected there."""


class FrontSearch(SearchSteps):
    """A search whose episodes have budgets of their own, or one search after the other at each point.

    An agent that learns from all budgets draws one in each episode (`FrontGoal.share`); in the end, the policy of which
    it expects most at each point is scored. Other strategies search each point by themselves, with equal shares of the
    episodes, the point of the result last. A policy within a budget is within every larger one too: at each point, the
    best of all episodes within it are made as they would be kept, by a recovery that is decided once.

    Args:
        task: The task at the budget of the point that is the result of the run.
        plan: The plan of the search, with its range of budgets.
        folder: The run folder, which is not used.
        latency_of: Makes the latency of a graph, where the search knows it.
        quiet: Not used either: nothing is printed between two budgets.

    Raises:
        UserError: A budget of the range that can't be reached, or too few episodes for the strategy.
    """

    def __init__(
        self,
        task: Task,
        plan: SearchPlan,
        folder: Path | None = None,
        *,
        latency_of: LatencyOf | None = None,
        quiet: bool = True,
    ) -> None:
        del folder
        super().__init__(plan, latency_of, quiet)
        assert plan.front is not None, "the search is over it"
        self._front: FrontGoal = plan.front
        task.with_budgets((self._front.range.limit(self._front.range.low),))
        self._tasks = {limit: task.with_budgets((limit,)) for limit in self._front.limits}
        self._budgets: dict[float, Budgets] = {}
        main = self._front.main
        self.current = self._entered(0, self._tasks[main])
        self._draws = self.current.strategy.takes_drawn_budgets
        order = [main] if self._draws else [*(limit for limit in self._tasks if limit != main), main]
        self.budgets: list[Limits] = [(limit,) for limit in order]
        points, count = len(self._front.points), len(order)
        self._expected = points if self._draws and plan.episodes >= EPISODES_A_POINT * points else 0
        self._shares = [(plan.episodes - self._expected + place) // count for place in range(count)]
        with self._closed_on_mistakes():
            if not self._shares[0]:
                raise UserError(f"expected an episode or more for each of the {count} points, got {plan.episodes}")
            planned = [self.current.strategy.planned(self.current.problem, share) for share in self._shares]
        self.planned = sum(planned) + self._expected
        if self._draws:
            problem = self.current.problem.drawing(self._drawn)
            self.current = dataclasses.replace(self.current, problem=problem)

    def search(self, on_episode: OnEpisode, past: Past) -> None:
        """Search all budgets to the end, or what is left of that after `past`."""
        episodes = list(past.episodes)
        listen = self._numbered(episodes, on_episode)
        begun = past.episodes[-1].stage if past.episodes else 0
        for number, share in enumerate(self._shares):
            if number or not self._draws:
                self.current = self._entered(number, self._tasks[self.budgets[number][0]], self.current.scorer)
            if number >= begun:
                own = past_of_stage(past, number, share)
                self._search_current(share, listen, Past(own.episodes[:share], own.state, share))
        stage = self.current
        left = self._expected - max(len(past.episodes) - self._shares[0], 0)
        for task in [*self._tasks.values()][len(self._tasks) - left :] if self._expected else ():
            kept_counts = stage.strategy.expected_best(stage.problem.with_budgets(task.budgets))
            reward, outcome = stage.problem.score(kept_counts)
            listen(Episode(len(episodes), kept_counts, reward, outcome))

    def best(self, episodes: Sequence[Episode]) -> Episode | None:
        """The best episode within the budget of the result, whatever it was scored for; None before there is one."""
        return best_of(_at(self._tasks[self._front.main], episodes))

    @property
    def result_task(self) -> Task:
        """The task at the point nearest to the middle of the range."""
        return self._tasks[self._front.main]

    def networks_made(self, episodes: Sequence[Episode]) -> int:
        """The networks of all points."""
        return sum(networks_made(self._stage(task), _at(task, episodes)) for task in self._tasks.values())

    def final(
        self,
        episodes: Sequence[Episode],
        original_accuracy: float,
        *,
        latency_model: LatencyModel | None,
        kept_before: Episode | None,
        tell: Tell,
    ) -> FinalResult:
        """The policy that is kept at the point nearest to the middle; those of all points are in `points` then.

        The policy of each point is chosen among its own and that of the smaller budget before it, so that none scores
        less than one that costs less.
        """
        del latency_model, kept_before  # which searches within latencies and those that were given more episodes have
        make, main = PolicyMaker(tell), self.result_task
        decide_recovery(self._stage(main), _at(main, episodes), make)
        points: list[FoundPoint] = []
        for task in self._tasks.values():
            own = _at(task, episodes)
            best = best_of(own)
            if best is None:  # of an interrupted search, which has scored none this small
                continue
            smaller = [each.episode for each in points[-1].final.finalists if each.is_kept] if points else []
            before = own[smaller[0]] if smaller else None
            final = final_result(self._stage(task), own, original_accuracy, kept_before=before, tell=tell, make=make)
            points.append(FoundPoint(task, tuple(own), best, final))
        self.points = points
        return next(each.final for each in points if each.task is main)

    # -- budgets ------------------------------------------------------------------------------------------------

    def _drawn(self, index: int) -> Budgets:
        share = self._front.share(self._plan.seed, index)
        if share not in self._budgets:
            self._budgets[share] = self.result_task.with_budgets((self._front.range.limit(share),)).budgets
        return self._budgets[share]

    def _stage(self, task: Task) -> Stage:
        """The stage of the search as one at the budget of a task."""
        problem = self.current.problem.with_budgets(task.budgets)
        return dataclasses.replace(self.current, task=task, problem=problem)


def _at(task: Task, episodes: Sequence[Episode]) -> list[Episode]:
    """The episodes as those of one stage, within the budgets of a task or not."""
    budgets = task.budgets
    return [
        dataclasses.replace(
            each,
            stage=0,
            outcome=dataclasses.replace(each.outcome, within_budget=budgets.allows(each.kept_counts)),
        )
        for each in episodes
    ]
