"""A search in stages: prune to a first budget, train a little, search on from there to the next.

Where much has to go, a network that is cut at once scores near chance whatever the policy, so that there is nothing to
learn from. In stages each search begins with a network that works. A search without stages is one with a single stage.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import torch
from torch import Tensor, nn

from agents.episode import Episode, Past
from agents.search.finalists import choose_best
from agents.search.plan import SearchPlan
from agents.search.policy_maker import PolicyMaker
from agents.search.problem import make_problem
from agents.search.stage import Stage
from agents.search.stage_tuning import tune
from agents.strategy import OnEpisode
from amc.artifacts.snapshots import CHECKPOINT_FOLDER
from amc.cost.costs import CostFunction
from amc.graph import KeptCounts, PruningGraph
from amc.networks.weight_files import load_state, read_state_dict, write_state_dict
from amc.pruning.slicing import stored_tensors
from amc.scoring.number_format import score
from amc.scoring.score import Score
from amc.task import Task
from amc.utils.errors import UserError
from envs.rewards import Outcome

KEPT_COUNTS, NETWORK = "keeps", "network."


class Stages:
    """The stages of a search one after the other, each with a strategy of its own.

    This is a context manager, which closes the scorer of the current stage when it is left. The network that a stage
    starts from is written beside the checkpoints, where there is a folder, so that a resumed run does not train again.

    Args:
        task: The task of the original network, at the budgets of the last stage.
        plan: The plan of the search; each stage gets its share of the episodes that the search was begun with, and the
            last one those that it has been given since.
        folder: The run folder; None where nothing is written.
        latency_of: Makes the function that gives the latency in ms of kept counts of a graph, where the search knows
            it.
        quiet: Whether nothing is printed at a stage's end.

    Attributes:
        budgets: The budgets of each stage.
        current: The stage that is being searched.
        planned: How many policies are scored in all stages.

    Raises:
        UserError: Fewer episodes than stages, too few for the strategy, or a reward that does not go with the budgets.
    """

    def __init__(
        self,
        task: Task,
        plan: SearchPlan,
        folder: Path | None = None,
        *,
        latency_of: Callable[[PruningGraph], CostFunction] | None = None,
        quiet: bool = True,
    ) -> None:
        self.budgets = (*plan.stages, tuple(limit.asked for limit in task.budgets.limits))
        self._shares_begun_with = plan.shares(plan.begun_with or plan.episodes)
        earlier = sum(self._shares_begun_with[:-1])
        if plan.episodes <= earlier:
            raise UserError(
                f"the stages before the last one take {earlier} episodes; expected more in all, got {plan.episodes}"
            )
        self._shares = [*self._shares_begun_with[:-1], plan.episodes - earlier]
        self._folder = folder
        self._plan = plan
        self._latency_of = latency_of
        self._quiet = quiet
        self.current = self._entered(0, task.with_budgets(self.budgets[0]))
        try:
            self.planned = sum(self.current.strategy.planned(self.current.problem, share) for share in self._shares)
        except UserError:
            self.current.scorer.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.current.scorer.close()

    def search(self, on_episode: OnEpisode, past: Past) -> None:
        """Search all stages to the end, or what is left of them after `past`.

        `on_episode` is called with every newly scored policy; its index counts through all stages.
        """
        episodes = list(past.episodes)

        def on_stage_episode(episode: Episode) -> None:
            found = dataclasses.replace(episode, index=len(episodes), stage=self.current.number)
            episodes.append(found)
            on_episode(found)

        begun = past.episodes[-1].stage if past.episodes else 0
        for number, share in enumerate(self._shares):
            if number:
                self._go_on([episode for episode in episodes if episode.stage == number - 1])
            if number >= begun:
                own = _within(past, number, self._shares_begun_with[number])
                self.current.scorer.tell((each.kept_counts, _score_of(each.outcome)) for each in own.episodes)
                self.current.strategy.search(self.current.problem, share, self._plan.seed, on_stage_episode, own)

    def state(self) -> dict[str, Tensor]:
        """The state of the current stage's strategy, as tensors by name, for a checkpoint."""
        return self.current.strategy.state()

    def _entered(self, number: int, task: Task) -> Stage:
        latency = self._latency_of(task.graph) if self._latency_of else None
        scorer = task.scorer(self._plan.make_engine, self._plan.score_cache)
        problem = make_problem(task, scorer, self._plan.reward, self._plan.observation, latency)
        return Stage(number, task, scorer, problem, self._plan.strategy(problem))

    def _go_on(self, episodes: Sequence[Episode]) -> None:
        """Enter the next stage with the best of this one's `episodes`."""
        number, before = self.current.number + 1, self.current
        path = self._folder and self._folder / CHECKPOINT_FOLDER / f"stage-{number}.safetensors"
        network, kept_counts = self._read(path) if path and path.is_file() else self._start(path, episodes)
        before.scorer.close()
        self.current = self._entered(number, before.task.next_stage(network, kept_counts, self.budgets[number]))

    def _start(self, path: Path | None, episodes: Sequence[Episode]) -> tuple[nn.Module, KeptCounts]:
        """The network that the next stage starts from, which is written to `path`, and its kept counts."""
        stage, plan = self.current, self._plan
        best = choose_best(stage, episodes, PolicyMaker()).best
        if not self._quiet:
            then = f"; {plan.tune_steps} steps of training follow" * bool(plan.tune_steps)
            asked = " ".join(self.budgets[stage.number])
            print(
                f"stage {stage.number + 1} of {len(self.budgets)} reached {asked} with"
                f" {score(stage.task.metric_name, best.reward_accuracy)} on the reward split{then}",
                file=sys.stderr,
            )
        if plan.tune_steps:
            tune(best.network, stage.task, plan.tune_steps, plan.seed)
        if path:
            state = {f"{NETWORK}{name}": tensor for name, tensor in stored_tensors(best.network).items()}
            write_state_dict(path, {KEPT_COUNTS: torch.as_tensor(best.kept_counts), **state})
        return best.network, best.kept_counts

    def _read(self, path: Path) -> tuple[nn.Module, KeptCounts]:
        state = read_state_dict(path)
        kept_counts: KeptCounts = state.pop(KEPT_COUNTS).numpy()
        network, _ = self.current.task.compact(kept_counts, "none")  # whose tensors are read next
        load_state(network, {name.removeprefix(NETWORK): tensor for name, tensor in state.items()}, path)
        return network, kept_counts


def _score_of(outcome: Outcome) -> Score:
    accuracy = None if outcome.score is None else outcome.accuracy
    return Score(outcome.value, outcome.images, accuracy=accuracy)


def _within(past: Past, stage: int, begun_with: int) -> Past:
    """The part of a search's past that belongs to one stage, the last one that was begun or a later one.

    The stage was to have `begun_with` episodes when the search was begun.
    """
    own = [episode for episode in past.episodes if episode.stage == stage]
    episodes = (dataclasses.replace(episode, index=index, stage=0) for index, episode in enumerate(own))
    return Past(tuple(episodes), past.state if own else {}, begun_with)
