"""The files of a search over a range of budgets: `front.json`, and a run folder for each point that was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agents.episode import Episode
from agents.search.final import costs_reached
from amc.artifacts.front_file import FRONT_FOLDER, Front, FrontPoint, undominated, write_front
from amc.artifacts.policy import save_compact
from amc.artifacts.run_folder import SUMMARY_FILE
from amc.task import Task
from amc.utils.files import write_json

if TYPE_CHECKING:
    from agents.search.search_result import SearchResult


def front_of(result: SearchResult) -> Front:
    """The front of a search over a range of budgets, of which each point is in a folder of its number."""
    task, (asked,) = result.task, result.checkpoint.run["arguments"]["budget"]
    kind = asked.partition("=")[0]
    points = [_point(each, number) for number, each in enumerate(result.front, 1)]
    searched = [_searched(task, kind, each) for each in result.episodes if each.outcome.images == 1]
    return Front(asked, task.metric_name, task.score_name, undominated(points, kind), undominated(searched, kind))


def save_front(folder: Path, result: SearchResult) -> Front:
    """Write the folders of all points, then `front.json`, and return what that holds.

    Raises:
        UserError: The folder can't be written to.
    """
    for number, each in enumerate(result.front, 1):
        own = folder / _folder(number)
        own.mkdir(parents=True, exist_ok=True)
        save_compact(own, each.policy, each.network)
        write_json(own / SUMMARY_FILE, each.summary)
    front = front_of(result)
    write_front(folder, front)
    return front


def _folder(number: int) -> str:
    return f"{FRONT_FOLDER}/{number:02d}"


def _point(result: SearchResult, number: int) -> FrontPoint:
    policy = result.final.policy
    return FrontPoint(
        budget=" ".join(result.policy.budget),
        costs=result.costs,
        kept=_kept(result.task, policy.kept_counts.tolist()),
        score=policy.reward_accuracy if policy.reward_score is None else policy.reward_score,
        accuracy=policy.reward_accuracy,
        test_accuracy=result.on_test.policy,
        folder=_folder(number),
    )


def _searched(task: Task, kind: str, episode: Episode) -> FrontPoint:
    costs = costs_reached(task, episode.kept_counts)
    return FrontPoint(
        budget=f"{kind}={costs[kind].ratio:.4f}",
        costs=costs,
        kept=_kept(task, episode.kept_counts.tolist()),
        score=episode.outcome.value,
        accuracy=episode.outcome.accuracy,
    )


def _kept(task: Task, kept_counts: Sequence[int]) -> dict[str, int]:
    return {group.name: count for group, count in zip(task.graph.groups, kept_counts, strict=True)}
