"""The search for the least cost at which a network scores hardly less than the original."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agents.episode import Episode, Past
from agents.final_result import FinalResult
from agents.judgement import Judgement
from agents.search.budget_steps import BUDGETS, BudgetSteps
from agents.search.drop_goal import DropGoal
from agents.search.final import costs_reached
from agents.search.judgements import Judgements
from agents.search.latency_finalists import latency_reached
from agents.search.mild_cuts import MildCuts, mild_cuts
from agents.search.plan import Limits, SearchPlan
from agents.search.policy_maker import PolicyMaker, Tell, trained
from agents.search.search_steps import LatencyOf, SearchSteps, of_stage, past_of_stage
from agents.search.stage import Stage
from agents.strategy import OnEpisode
from amc.artifacts.policy import describe_groups
from amc.graph import KeptCounts
from amc.latency.latency_model import LatencyModel
from amc.task import Task
from amc.utils.defaults import BLOCKWISE
from amc.utils.errors import NothingFoundError, UserError
from amc.utils.option_names import option

CARRIED = 0.25
"""The largest share of the episodes at a budget for policies that are carried over from other budgets."""
MOST_MILD = 4
"""The number of episodes over the number of mild cuts that are tried at the most."""
DECIMALS = 4
"""The decimals of the shares that are tried as budgets."""


class CheapestSearch(SearchSteps):
    """A search at one budget after the other, nearer and nearer to the least one with a network that is good enough.

    The first stage has the mildest cuts there are (`MildCuts`), most often a single one: where even these are surely
    not good enough, the search ends. The next budgets follow from what came of those before (`BudgetSteps`), and each
    gets the same share of the episodes, the last of which score the best policies of the others, scaled to it. At its
    end the best policies are made as they would be kept. A budget holds where the best of them is good enough on the
    images that were searched on, and then on the judging images too, which no strategy sees. The cheapest such network
    is the result.

    Args:
        task: The task of the original network, without budgets, with judging images.
        plan: The plan of the search, with its goal.
        folder: The run folder; None where nothing is written.
        latency_of: Makes the latency of a graph, where the search knows it.
        quiet: Whether nothing is printed after each budget.

    Raises:
        UserError: Too few episodes for the strategy, or a reward that does not go with budgets.
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
        super().__init__(plan, latency_of, quiet)
        assert plan.goal is not None, "the search is for it"
        self._goal: DropGoal = plan.goal
        self._task = task
        self._cost = task.options.costs[self._goal.minimise](task.graph)
        self._steps = BudgetSteps(self._share_of(task.graph.least))
        self._judgements = Judgements(task, self._goal, folder)
        self.budgets: list[Limits] = []
        self.current = self._mild_stage()
        with self._closed_on_mistakes():
            shares = self._shared_out(plan.episodes - 1)
        strategy = plan.strategy(self.current.problem)
        self.planned = 1 + sum(strategy.planned(self.current.problem, share) for share in shares)

    def search(self, on_episode: OnEpisode, past: Past) -> None:
        """Search at all budgets to the end, or what is left of that after `past`.

        Raises:
            NothingFoundError: No network that was made is good enough.
        """
        episodes = list(past.episodes)
        listen = self._numbered(episodes, on_episode)
        begun = past.episodes[-1].stage if past.episodes else 0
        if not begun:
            self._search_stage(max(self._plan.episodes // MOST_MILD, 1), [], listen, past)
        mildest = self._judgements.add(self.current, of_stage(episodes, 0))
        left = self._plan.episodes - len(of_stage(episodes, 0))
        shares = [] if self._is_hopeless(mildest) else self._shared_out(left)
        for number, share in enumerate(shares, 1):
            self.current = self._entered(number, self._next_task(self._steps.share), self.current.scorer)
            if number >= begun:
                self._search_stage(share, self._carried(episodes, share), listen, past)
            judgement = self._judgements.add(self.current, of_stage(episodes, number))
            self._steps.add(holds=judgement.holds)
            if number >= begun:
                self._tell(judgement)
            if self._steps.is_done:
                break
        if self._judgements.kept is None:
            raise NothingFoundError(self._nothing_found)

    def _search_stage(self, count: int, carried: Sequence[KeptCounts], listen: OnEpisode, past: Past) -> None:
        """Let the strategy score `count` policies less those that are `carried` over, then score these."""
        problem, number = self.current.problem, self.current.number
        alone = count - len(carried)
        own = past_of_stage(past, number, alone)
        self._search_current(alone, listen, Past(own.episodes[:alone], own.state, alone))
        for index, kept_counts in enumerate(carried[max(len(own.episodes) - alone, 0) :]):
            reward, outcome = problem.score(kept_counts)
            listen(Episode(index, kept_counts, reward, outcome))

    def _carried(self, episodes: Sequence[Episode], count: int) -> list[KeptCounts]:
        """The best policies of earlier budgets, the nearest first, scaled to this one; none beside those of a rule."""
        if not self.current.strategy.is_extensible:
            return []
        budgets, whole = self.current.task.budgets, self._task.graph.full
        most = budgets.limits[0].most
        nearest = sorted(self._judgements.all[1:], key=lambda each: abs(each.cost - most))
        scaled = [budgets.scale(episodes[each.episode].kept_counts / whole) for each in nearest]
        return [*{each.tobytes(): each for each in scaled}.values()][: int(count * CARRIED)]

    def best(self, episodes: Sequence[Episode]) -> Episode | None:
        """The episode of the cheapest policy that is good enough so far; None before there is one."""
        kept = self._judgements.kept
        return None if kept is None else episodes[self._judgements.all[kept].episode]

    @property
    def result_task(self) -> Task:
        """The task at the budget at which the result was found."""
        assert self._judgements.kept is not None, "the search has found it"
        return self._task.with_budgets(self.budgets[self._judgements.kept])

    def networks_made(self, episodes: Sequence[Episode]) -> int:
        """The uniform policy, and the one that is kept where it has to be made again."""
        del episodes
        return 1 + (self._judgements.network is None or self._task.options.recovery == BLOCKWISE)

    def final(
        self,
        episodes: Sequence[Episode],
        original_accuracy: float,
        *,
        latency_model: LatencyModel | None,
        kept_before: Episode | None,
        tell: Tell,
    ) -> FinalResult:
        """The cheapest policy that is good enough, and the uniform one at the same cost."""
        del kept_before  # which only a search that was given more episodes has
        kept, best = self._judgements.kept, self.best(episodes)
        assert kept is not None, "the search has found it"
        assert best is not None
        judgement, task, origin, make = self._judgements.all[kept], self.result_task, self._task, PolicyMaker(tell)
        make.decide_as(task, judgement.recovery, judgement.recovery_scores)
        policy, untrained = self._judgements.network, None
        if policy is None or task.options.recovery == BLOCKWISE:
            solved = make(task, best.kept_counts, "making the policy that is kept again")
            untrained = solved if task.options.recovery == BLOCKWISE else None
            policy = policy or (trained(task, solved, tell) if untrained else solved)
        same_cost = f"{self._goal.minimise}={np.nextafter(self._share_of(best.kept_counts), 1.0):.17f}"
        uniform = origin.with_budgets([same_cost]).budgets.uniform
        return FinalResult(
            original_accuracy=original_accuracy,
            uniform=make(origin, uniform, "making the uniform policy"),
            zero_shot=None,
            policy=policy,
            finalists=tuple(
                each._replace(is_kept=each.episode == best.index)
                for judged in self._judgements.all
                for each in judged.finalists
            ),
            groups=describe_groups(origin.graph, task.mask(best.kept_counts)),
            costs=costs_reached(origin, best.kept_counts),
            recovery=judgement.recovery,
            recovery_scores=dict(judgement.recovery_scores),
            latency=latency_reached(latency_model, task, best.kept_counts) if latency_model else None,
            goal=self._judgements.reached(),
            untrained=untrained,
        )

    # -- the budgets --------------------------------------------------------------------------------------------

    def _mild_stage(self) -> Stage:
        """The first stage, at a budget that the mildest cut meets."""
        whole = self._entered(0, self._task.with_budgets((f"{self._goal.minimise}=1",)))
        mildest = mild_cuts(whole.problem, self._cost)[0]
        task = self._next_task(self._share_of(mildest))
        enough = self._judgements.original - self._goal.largest(task.metric_name)
        return dataclasses.replace(self._entered(0, task, whole.scorer), strategy=MildCuts(self._cost, enough))

    def _share_of(self, kept_counts: KeptCounts) -> float:
        return float(self._cost(kept_counts) / self._cost(self._task.graph.full))

    def _next_task(self, share: float) -> Task:
        """The task at the next budget, that share of the cost, rounded up."""
        rounded = min(math.ceil(share * 10**DECIMALS) / 10**DECIMALS, 1.0)
        self.budgets.append((f"{self._goal.minimise}={rounded:g}",))
        return self._task.with_budgets(self.budgets[-1])

    def _shared_out(self, episodes: int) -> list[int]:
        """How many of `episodes` each stage after the first gets: all the same, in as many as the strategy can do with.

        Raises:
            UserError: They are too few for the strategy at a single budget.
        """
        if episodes < 1:
            raise UserError("expected two episodes or more to search for the least cost, got 1")
        problem, strategy = self.current.problem, self._plan.strategy(self.current.problem)
        for count in range(min(BUDGETS, episodes), 1, -1):
            with contextlib.suppress(UserError):
                strategy.planned(problem, episodes // count)
                return [(episodes + place) // count for place in range(count)]
        strategy.planned(problem, episodes)
        return [episodes]

    # -- what is told -------------------------------------------------------------------------------------------

    def _is_hopeless(self, mildest: Judgement) -> bool:
        """Whether even the mildest cut is surely not good enough."""
        interval = mildest.drop.interval
        return interval is not None and interval[0] > self._goal.largest(self._task.metric_name)

    def _tell(self, judgement: Judgement) -> None:
        """Print what came of a budget."""
        if self._quiet:
            return
        within = f"within {option('max_drop')} {self._goal.max_drop:g}"
        then = within if judgement.holds else f"not {within}"
        if judgement.is_passed_over:
            then += ", so it is passed over for a dearer network"
        print(f"{judgement.in_words(self._task.metric_name)}: {then}", file=sys.stderr)

    @property
    def _nothing_found(self) -> str:
        asked, mildest = f"{option('max_drop')} {self._goal.max_drop:g}", self._judgements.all[0]
        return (
            f"not even the mildest cut stays within {asked}: {mildest.in_words(self._task.metric_name)};"
            f" give a larger {option('max_drop')}"
        )
