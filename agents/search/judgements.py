"""What came of each budget of a search for the least one, and the cheapest network that is good enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agents.episode import Episode
from agents.final_result import ScoredPolicy
from agents.judgement import GoalReached, Judgement
from agents.search.drop_goal import DropGoal
from agents.search.finalists import choose_best, find_finalists
from agents.search.judge import Judge
from agents.search.policy_maker import PolicyMaker, trained
from agents.search.stage import Stage
from amc.artifacts.checked_json import checked, read_object
from amc.artifacts.snapshots import CHECKPOINT_FOLDER
from amc.task import Task
from amc.utils.defaults import BLOCKWISE
from amc.utils.files import write_json

JUDGEMENTS_FILE = "judgements.json"
"""The file beside the checkpoints with what came of each budget."""
FINALISTS = 2
"""How many policies of each budget are made as they would be kept."""


@dataclass(frozen=True)
class _Stored:
    """The judgements of a search as they are in a file, in the order of its stages."""

    judgements: tuple[Judgement, ...]


class Judgements:
    """The judgements of a search, one for each budget, in order.

    They are written beside the checkpoints, where there is a folder, so that a resumed search does not make the same
    networks again.

    Args:
        task: The task of the original network, with judging images.
        goal: What the search is for.
        folder: The run folder; None where nothing is written.

    Attributes:
        all: The judgements so far; the place of each is the number of its stage.
        kept: The place of the one with the least cost among those that hold; None before one does.
        network: The policy of that one with its network; None where it was made before an interruption.
    """

    def __init__(self, task: Task, goal: DropGoal, folder: Path | None) -> None:
        self._metric = task.metric_name
        self._goal = goal
        self._judge = Judge(task)
        self._cost = task.options.costs[goal.minimise](task.graph)
        self._make = PolicyMaker()
        self._path = folder and folder / CHECKPOINT_FOLDER / JUDGEMENTS_FILE
        self._stored = _read(self._path) if self._path and self._path.is_file() else ()
        self.all: list[Judgement] = []
        self.kept: int | None = None
        self.network: ScoredPolicy | None = None

    @property
    def original(self) -> float:
        """The score of the original network on the reward images."""
        return self._judge.original

    def add(self, stage: Stage, episodes: Sequence[Episode]) -> Judgement:
        """The judgement of a stage by its `episodes`: as it was written down, else by making its best policies."""
        place, network = len(self.all), None
        known = self._stored[place] if place < len(self._stored) else None
        if known is None or known.episode not in [episode.index for episode in episodes]:
            known, network = self._judged(stage, episodes)
        elif stage.number:
            self._make.decide_as(stage.task, known.recovery, known.recovery_scores)
        self.all.append(known)
        if known.holds and (self.kept is None or known.cost < self.all[self.kept].cost):
            self.kept, self.network = place, network
        if self._path and place >= len(self._stored):
            write_json(self._path, {"judgements": self.all})
        return known

    def reached(self) -> GoalReached:
        """What came of the search, once a network holds."""
        assert self.kept is not None, "a network holds"
        return GoalReached(self._goal.largest(self._metric), self._goal.minimise, tuple(self.all), self.kept)

    def _judged(self, stage: Stage, episodes: Sequence[Episode]) -> tuple[Judgement, ScoredPolicy]:
        """Make the best policies of a stage, and judge the best of them."""
        task = stage.task
        make = self._make if stage.number else PolicyMaker()  # the mildest cut does not tell recoveries apart
        policy, finalists = choose_best(stage, find_finalists(stage, episodes)[:FINALISTS], make)
        if task.options.recovery == BLOCKWISE:
            policy = trained(task, policy)
        drop = self._judge.on_reward(policy.network)
        judged = self._judge.on_judging(policy.network) if self._goal.allows(self._metric, drop.value) else None
        judgement = Judgement(
            budget=tuple(limit.asked for limit in task.budgets.limits),
            episode=next(each.episode for each in finalists if each.is_kept),
            finalists=finalists,
            cost=float(self._cost(policy.kept_counts)),
            drop=drop,
            judged=judged,
            holds=judged is not None and self._goal.allows(self._metric, judged.value),
            recovery=make.decide(task, policy.kept_counts),
            recovery_scores=make.recovery_scores,
        )
        return judgement, policy


def _read(path: Path) -> tuple[Judgement, ...]:
    return checked(read_object(path), _Stored, path).judgements
