"""What the folder of a run tells, whether the run has ended or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agents.checkpoint import latest_checkpoint
from agents.episode import Episode
from agents.report.episode_selection import episode_of_policy
from agents.report.run_summary import RunSummary
from amc.artifacts.checked_json import Count, checked, read_object
from amc.artifacts.front_file import FRONT_FILE, Front, read_front
from amc.artifacts.policy import POLICY_FILE, Policy, read_policy
from amc.artifacts.run_folder import SUMMARY_FILE


@dataclass(frozen=True)
class GroupShape:
    """A channel group: its name, its channels and its units."""

    name: str
    width: Count
    units: Count


@dataclass(frozen=True, eq=False)
class SearchDescription:
    """What the checkpoints of a search say of it: what was asked for, and of which network.

    Attributes:
        program: The command that made the run, `train` or `apply`.
        words: The options of the command, as words of a command line.
        model, strategy, seed, budget, metric: What was asked for.
        stages: Budgets of each stage of the search; `budget` are those of the last.
        groups: The channel groups of the network.
        whole: Costs of the whole network by kind.
        uniform: Units per group of the uniform policy at the budget; empty without a budget.
        asked: How many episodes were asked for.
        seconds: How long the search took up to the last checkpoint.
        max_drop, minimise: The largest drop of the score, and the cost that was to be least; None where budgets were
            asked for, and in runs of earlier versions.
    """

    program: str
    words: tuple[str, ...]
    model: str
    strategy: str
    seed: Count
    budget: tuple[str, ...]
    metric: str
    stages: tuple[tuple[str, ...], ...]
    groups: tuple[GroupShape, ...]
    whole: Mapping[str, float]
    uniform: tuple[Count, ...]
    asked: Count
    seconds: float
    max_drop: float | None = field(default=None, kw_only=True)
    minimise: str | None = field(default=None, kw_only=True)


@dataclass(frozen=True, eq=False)
class RunRecord(SearchDescription):
    """A run: its description, the episodes up to the last checkpoint, and the result once there is one.

    Attributes:
        folder: The run folder.
        episodes: The episodes up to the last checkpoint, in order.
        policy: The policy that was found; None before there is one.
        summary: The numbers of `summary.json`; None before there is one.
        front: The points of a range of budgets; None for one budget, and before there is a summary.
    """

    folder: Path
    episodes: tuple[Episode, ...]
    policy: Policy | None
    summary: RunSummary | None
    front: Front | None = None

    @property
    def kept_counts(self) -> tuple[int, ...]:
        """The units of each group that the policy keeps; empty before there is one."""
        return tuple(len(group.kept) for group in self.policy.groups) if self.policy else ()

    @property
    def kept_episode(self) -> int | None:
        """The index of the episode whose policy is kept; None where that is not known.

        The summaries of earlier versions do not name it: it is the first one with that policy then.
        """
        if self.summary is not None and self.summary.finalists:
            return self.summary.kept_episode
        found = episode_of_policy(self.episodes, self.kept_counts)
        return found.index if found else None

    @property
    def keeps_uniform(self) -> bool:
        """Whether the policy that is kept is the uniform one."""
        return bool(self.uniform) and self.kept_counts == self.uniform

    @property
    def group_names(self) -> list[str]:
        """The names of the channel groups, in forward order."""
        return [group.name for group in self.groups]


def read_record(folder: Path) -> RunRecord:
    """Read what a run has left in its folder so far.

    Raises:
        UserError: no run is there, or its files are damaged.
    """
    checkpoint, _ = latest_checkpoint(folder)
    description = checked(checkpoint.run, SearchDescription, f"the checkpoint in {folder}")
    summary = folder / SUMMARY_FILE
    ended = summary.exists()
    return RunRecord(
        **vars(description),
        folder=folder,
        episodes=checkpoint.past.episodes,
        policy=read_policy(folder / POLICY_FILE) if ended else None,
        summary=checked(read_object(summary), RunSummary, summary) if ended else None,
        front=read_front(folder / FRONT_FILE) if ended and (folder / FRONT_FILE).is_file() else None,
    )
