"""A search in stages: prune to a first budget, train a little, search on from there to the next.

Where much has to go, a network that is cut at once scores near chance whatever the policy, so that there is nothing to
learn from. In stages each search begins with a network that works. A search without stages is one with a single stage.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from agents.report.number_format import score
from agents.result import Episode, Past
from agents.search.finalists import choose
from agents.search.search import make_problem
from agents.search.stage_tuning import tune
from agents.strategy import OnEpisode, Strategy
from amc.artifacts.snapshots import CHECKPOINT_FOLDER
from amc.cost.costs import CostFunction
from amc.graph import KeptCounts, PruningGraph
from amc.networks.weight_files import load_state, read_state_dict, write_state_dict
from amc.pruning.slicing import stored_tensors
from amc.scoring.racing import Score
from amc.task import Task
from amc.utils.errors import UserError
from envs import PruningProblem

Limits = tuple[str, ...]
"""Budgets that hold at once, such as `macs=0.5`."""
KEPT_COUNTS, NETWORK = "keeps", "network."


class Stages:
    """One search after the other, each with a strategy of its own.

    What a stage starts from is kept beside the checkpoints, so that a run which goes on does not train again.

    Args:
        folder: The run folder.
        task: The original network's.
        budgets: Of each stage.
        episodes: Policies that may be scored in all stages; each gets the same share, later ones what is left over.
        make: The strategy for a pruning problem.
        reward, observation: Of all stages.
        seed: Likewise.
        tune_steps: Steps of training between two stages.
        latency: Tells the latency in ms of keeps of a graph, where the search knows it.
        quiet: Whether nothing is said of a stage's end.

    Attributes:
        number: Of the stage that is under way, from 0.
        task, problem, strategy: Its.

    Raises:
        UserError: fewer episodes than stages, too few for the strategy, or what
            `agents.search.search.make_problem` raises.
    """

    def __init__(
        self,
        folder: Path,
        task: Task,
        budgets: Sequence[Limits],
        episodes: int,
        make: Callable[[PruningProblem], Strategy],
        *,
        reward: str,
        observation: str,
        seed: int,
        tune_steps: int,
        quiet: bool,
        latency: Callable[[PruningGraph], CostFunction] | None = None,
    ) -> None:
        if episodes < len(budgets):
            raise UserError(f"expected at least an episode for each of the {len(budgets)} stages, got {episodes}")
        self._folder = folder
        self._budgets = budgets
        self._shares = [(episodes + place) // len(budgets) for place in range(len(budgets))]
        self._make = make
        self._reward = reward
        self._observation = observation
        self._seed = seed
        self._tune_steps = tune_steps
        self._quiet = quiet
        self._latency = latency
        self._enter(0, task.with_budgets(budgets[0]))
        self.planned = sum(self.strategy.planned(self.problem, share) for share in self._shares)

    def search(self, on_episode: OnEpisode, past: Past) -> None:
        """Score policies, those of `past` included, until the last stage is over.

        `on_episode` is told of all of them as of one search, with their stages.
        """
        episodes = list(past.episodes)

        def told(episode: Episode) -> None:
            found = dataclasses.replace(episode, index=len(episodes), stage=self.number)
            episodes.append(found)
            on_episode(found)

        begun = past.episodes[-1].stage if past.episodes else 0
        for number, share in enumerate(self._shares):
            if number:
                self._go_on([episode for episode in episodes if episode.stage == number - 1])
            if number >= begun:
                own = _within(past, number)
                self.task.score.tell(
                    (each.kept_counts, Score(each.outcome.accuracy, each.outcome.images)) for each in own.episodes
                )
                self.strategy.search(self.problem, share, self._seed, told, own)

    def state(self) -> dict[str, Tensor]:
        """What the strategy of the stage that is under way knows."""
        return self.strategy.state()

    def _enter(self, number: int, task: Task) -> None:
        self.number = number
        self.task = task
        latency = self._latency(task.graph) if self._latency else None
        self.problem = make_problem(task, self._reward, self._observation, latency)
        self.strategy = self._make(self.problem)

    def _go_on(self, episodes: Sequence[Episode]) -> None:
        """Enter the next stage with the best of this one's `episodes`."""
        number = self.number + 1
        path = self._folder / CHECKPOINT_FOLDER / f"stage-{number}.safetensors"
        network, kept_counts = self._read(path) if path.is_file() else self._start(path, episodes)
        self._enter(number, self.task.next_stage(network, kept_counts, self._budgets[number]))

    def _start(self, path: Path, episodes: Sequence[Episode]) -> tuple[nn.Module, KeptCounts]:
        """The network that the next stage starts from, which is kept in `path`."""
        best = choose(self.task, episodes, self.problem.reward)
        if not self._quiet:
            then = f"; {self._tune_steps} steps of training follow" * bool(self._tune_steps)
            reached = f"stage {self.number + 1} of {len(self._budgets)} reached {' '.join(self._budgets[self.number])}"
            print(
                f"{reached} with {score(self.task.metric_name, best.reward_accuracy)} on the reward split{then}",
                file=sys.stderr,
            )
        if self._tune_steps:
            tune(best.network, self.task, self._tune_steps, self._seed)
        state = {f"{NETWORK}{name}": tensor for name, tensor in stored_tensors(best.network).items()}
        write_state_dict(path, {KEPT_COUNTS: torch.as_tensor(best.kept_counts), **state})
        return best.network, best.kept_counts

    def _read(self, path: Path) -> tuple[nn.Module, KeptCounts]:
        state = read_state_dict(path)
        kept_counts: KeptCounts = state.pop(KEPT_COUNTS).numpy()
        network, _ = self.task.compact(kept_counts)
        load_state(network, {name.removeprefix(NETWORK): tensor for name, tensor in state.items()}, path)
        return network, kept_counts


def _within(past: Past, stage: int) -> Past:
    """What the search of one stage, the last one that was begun or a later one, knows of its own past."""
    own = [episode for episode in past.episodes if episode.stage == stage]
    episodes = (dataclasses.replace(episode, index=index, stage=0) for index, episode in enumerate(own))
    return Past(tuple(episodes), past.state) if own else Past()
