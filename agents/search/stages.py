"""A search in stages: prune to a first budget, train a little, search on from there to the next.

Where much has to go, a network that is cut at once scores near chance whatever the policy, so that there is nothing to
learn from. In stages each search begins with a network that works. A search without stages is one with a single stage.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from agents.episode import Episode, Past, best_of
from agents.final_result import FinalResult
from agents.search.final import final_result
from agents.search.finalists import choose_best, networks_made
from agents.search.plan import SearchPlan
from agents.search.policy_maker import PolicyMaker, Tell
from agents.search.search_steps import LatencyOf, SearchSteps, of_stage, past_of_stage
from agents.search.stage_tuning import tune
from agents.strategy import OnEpisode
from amc.artifacts.snapshots import CHECKPOINT_FOLDER
from amc.graph import KeptCounts
from amc.latency.latency_model import LatencyModel
from amc.networks.weight_files import load_state, read_state_dict, write_state_dict
from amc.pruning.slicing import stored_tensors
from amc.scoring.number_format import score
from amc.task import Task
from amc.utils.errors import UserError

KEPT_COUNTS, NETWORK = "keeps", "network."


class Stages(SearchSteps):
    """The stages of a search one after the other, each with a strategy of its own.

    The network that a stage starts from is written beside the checkpoints, where there is a folder, so that a resumed
    run does not train again.

    Args:
        task: The task of the original network, at the budgets of the last stage.
        plan: The plan of the search; each stage gets its share of the episodes that the search was begun with, and the
            last one those that it has been given since.
        folder: The run folder; None where nothing is written.
        latency_of: Makes the function that gives the latency in ms of kept counts of a graph, where the search knows
            it.
        quiet: Whether nothing is printed at a stage's end.

    Raises:
        UserError: Fewer episodes than stages, too few for the strategy, or a reward that does not go with the budgets.
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
        self.budgets = (*plan.stages, tuple(limit.asked for limit in task.budgets.limits))
        self._shares_begun_with = plan.shares(plan.begun_with or plan.episodes)
        earlier = sum(self._shares_begun_with[:-1])
        if plan.episodes <= earlier:
            raise UserError(
                f"the stages before the last one take {earlier} episodes; expected more in all, got {plan.episodes}"
            )
        self._shares = [*self._shares_begun_with[:-1], plan.episodes - earlier]
        self._folder = folder
        self.current = self._entered(0, task.with_budgets(self.budgets[0]))
        with self._closed_on_mistakes():
            self.planned = sum(self.current.strategy.planned(self.current.problem, share) for share in self._shares)

    def search(self, on_episode: OnEpisode, past: Past) -> None:
        """Search all stages to the end, or what is left of them after `past`."""
        episodes = list(past.episodes)
        listen = self._numbered(episodes, on_episode)
        begun = past.episodes[-1].stage if past.episodes else 0
        for number, share in enumerate(self._shares):
            if number:
                self._go_on(of_stage(episodes, number - 1))
            if number >= begun:
                self._search_current(share, listen, past_of_stage(past, number, self._shares_begun_with[number]))

    def best(self, episodes: Sequence[Episode]) -> Episode | None:
        """The best episode of the last stage; None before there is one within its budget."""
        return best_of(of_stage(episodes, len(self.budgets) - 1))

    @property
    def result_task(self) -> Task:
        """The task of the stage that is being searched, which is the last one in the end."""
        return self.current.task

    def networks_made(self, episodes: Sequence[Episode]) -> int:
        """How many networks `final` makes."""
        return 2 * self._plan.zero_shot + networks_made(self.current, of_stage(episodes, self.current.number))

    def final(
        self,
        episodes: Sequence[Episode],
        original_accuracy: float,
        *,
        latency_model: LatencyModel | None,
        kept_before: Episode | None,
        tell: Tell,
    ) -> FinalResult:
        """The policy with the best reward among the best of the last stage, and what it has to beat."""
        return final_result(
            self.current,
            of_stage(episodes, self.current.number),
            original_accuracy,
            zero_shot=self._plan.zero_shot,
            latency_model=latency_model,
            kept_before=kept_before,
            tell=tell,
        )

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
