"""What the folder of a run tells, whether the run has ended or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.checkpoint import latest_checkpoint
from agents.result import Episode
from amc.artifacts.json_validation import entry, integer, list_of, number, object_of, read_object, text
from amc.artifacts.policy import POLICY_FILE, Policy, read_policy
from amc.artifacts.run_folder import SUMMARY_FILE
from amc.utils.errors import UserError


@dataclass(frozen=True)
class GroupShape:
    """A channel group: its name, its channels and its units."""

    name: str
    width: int
    units: int


@dataclass(frozen=True, eq=False)
class RunRecord:
    """A run: what was asked for, the network, the episodes up to the last checkpoint, and the result once there is one.

    Attributes:
        folder: The run folder.
        program: The command that made the run, `train` or `apply`.
        words: The options of the command, as words of a command line.
        model, strategy, seed, budget, metric: What was asked for.
        stages: Budgets of each stage of the search; `budget` are those of the last.
        groups: The channel groups of the network.
        whole: Costs of the whole network by kind.
        uniform: Units per group of the uniform policy at the budget; empty without a budget.
        asked: How many episodes were asked for.
        seconds: How long the search took up to the last checkpoint.
        episodes: The episodes up to the last checkpoint, in order.
        policy: The policy that was found; None before there is one.
        summary: The numbers of `summary.json`; None before there is one.
    """

    folder: Path
    program: str
    words: tuple[str, ...]
    model: str
    strategy: str
    seed: int
    budget: tuple[str, ...]
    metric: str
    stages: tuple[tuple[str, ...], ...]
    groups: tuple[GroupShape, ...]
    whole: Mapping[str, float]
    uniform: tuple[int, ...]
    asked: int
    seconds: float
    episodes: tuple[Episode, ...]
    policy: Policy | None
    summary: Mapping[str, Any] | None

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
    run = checkpoint.run
    ended = (folder / SUMMARY_FILE).exists()
    try:
        return RunRecord(
            folder=folder,
            program=entry(run, "program", text),
            words=entry(run, "words", list_of(text)),
            model=entry(run, "model", text),
            strategy=entry(run, "strategy", text),
            seed=entry(run, "seed", integer),
            budget=entry(run, "budget", list_of(text)),
            metric=entry(run, "metric", text),
            stages=entry(run, "stages", list_of(list_of(text))),
            groups=entry(run, "groups", list_of(_shape)),
            whole=entry(run, "whole", object_of(number)),
            uniform=entry(run, "uniform", list_of(integer)),
            asked=entry(run, "asked", integer),
            seconds=entry(run, "seconds", number),
            episodes=checkpoint.past.episodes,
            policy=read_policy(folder / POLICY_FILE) if ended else None,
            summary=read_object(folder / SUMMARY_FILE) if ended else None,
        )
    except ValueError as error:
        raise UserError(f"the checkpoint in {folder} is damaged: {error}") from error


def _shape(value: Any) -> GroupShape:
    return GroupShape(entry(value, "name", text), entry(value, "width", integer), entry(value, "units", integer))
