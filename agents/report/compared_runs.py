"""Runs that are compared with each other: their names, and what they have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from agents.episode import Episode
from agents.report.episode_selection import episode_of_policy
from agents.report.run_record import GroupShape, RunRecord, read_record
from agents.report.run_result import FOUND, UNIFORM, RunResult, run_result
from agents.report.tuning.tuning_record import is_training
from amc.utils.errors import UserError


class Setting(NamedTuple):
    """What runs must have in common for one uniform policy to be the one that all of them have to beat."""

    model: str
    groups: tuple[GroupShape, ...]
    budget: tuple[str, ...]
    metric: str


@dataclass(frozen=True, eq=False)
class ComparedRun:
    """A run among those that are compared.

    Attributes:
        name: The end of the folder's path that tells the run from the others.
        record: What its folder tells.
        result: What it has reached so far; None before it scored a policy within the budget.
    """

    name: str
    record: RunRecord
    result: RunResult | None

    @property
    def setting(self) -> Setting:
        """The network, the budget and the metric of the run; with a largest drop, the budget that was found for it."""
        record = self.record
        found = record.policy.budget if record.policy is not None and record.max_drop is not None else record.budget
        return Setting(record.model, record.groups, found, record.metric)

    def scores(self, network: str) -> tuple[float, ...]:
        """The scores of a network, by its name in `NETWORKS`, on reward and on test images; none before the end."""
        if self.record.summary is None or self.result is None:
            return ()
        return tuple(self.result.scores[network])


@dataclass(frozen=True, eq=False)
class UniformScores:
    """The uniform policy that the runs of one setting have to beat.

    Attributes:
        scores: Its scores on reward and on test images, as means over the runs; none before one has ended.
        vary: Whether they differ between runs, which draw other calibration images by other seeds.
        episode: An episode that scored it; None where none did.
    """

    scores: tuple[float, ...]
    vary: bool
    episode: Episode | None


@dataclass(frozen=True, eq=False)
class RunGroup:
    """The runs of one setting, in the order in which they were named."""

    setting: Setting
    runs: Sequence[ComparedRun]

    @cached_property
    def uniform(self) -> UniformScores:
        """The uniform policy at the setting's budget."""
        known = [scores for run in self.runs if (scores := run.scores(UNIFORM))]
        found = (episode_of_policy(run.record.episodes, run.record.uniform) for run in self.runs)
        return UniformScores(
            tuple(map(fmean, zip(*known, strict=True))), len(set(known)) > 1, next(filter(None, found), None)
        )

    @property
    def best(self) -> list[ComparedRun]:
        """The runs whose found policy scores best on the reward images, by which runs may be chosen."""
        ended = [run for run in self.runs if run.scores(FOUND)]
        best = max((run.scores(FOUND)[0] for run in ended), default=0.0)
        return [run for run in ended if run.scores(FOUND)[0] == best]


def read_runs(folders: Sequence[Path]) -> list[RunGroup]:
    """Read the runs that are compared, those of one setting side by side.

    Args:
        folders: Two run folders or more.

    Raises:
        UserError: There are fewer than two, one is named twice, or one holds no search.
    """
    if len(folders) < 2:
        raise UserError(f"expected two runs or more to compare, got {len(folders)}")
    places = [folder.resolve() for folder in folders]
    for number, place in enumerate(places):
        if place in places[:number]:
            raise UserError(f"{folders[number]} is named twice; name each run once")
    names = distinct_names(places)
    return grouped([_read(folder, name) for folder, name in zip(folders, names, strict=True)])


def grouped(runs: Iterable[ComparedRun]) -> list[RunGroup]:
    """The runs by setting, in the order in which the first of each setting comes."""
    groups: dict[Setting, list[ComparedRun]] = {}
    for run in runs:
        groups.setdefault(run.setting, []).append(run)
    return [RunGroup(setting, own) for setting, own in groups.items()]


def distinct(groups: Sequence[RunGroup], field: str) -> list[Any]:
    """The values that settings have in a field, each once, in order."""
    return [*dict.fromkeys(getattr(group.setting, field) for group in groups)]


def distinct_names(folders: Sequence[Path]) -> list[str]:
    """The shortest ends of the folders' absolute paths, which are distinct, that tell each from all others."""
    return [_shortest(folder, [other for other in folders if other != folder]) for folder in folders]


def _shortest(folder: Path, others: Iterable[Path]) -> str:
    parts = folder.parts
    lengths = range(1, len(parts) + 1)
    length = next(each for each in lengths if all(other.parts[-each:] != parts[-each:] for other in others))
    return str(Path(*parts[-length:]))


def _read(folder: Path, name: str) -> ComparedRun:
    if is_training(folder):
        why = "holds a training, and searches are compared; its own report has the pruned network beside it"
        raise UserError(f"{folder} {why}: leave it out")
    record = read_record(folder)
    try:
        return ComparedRun(name, record, run_result(record))
    except ValueError as error:
        raise UserError(f"the results in {folder} are damaged: {error}") from error
