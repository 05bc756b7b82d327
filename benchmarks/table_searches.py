"""Searches on the exact table: how far each strategy's best is from the true optimum, over many seeds.

`benchmarks.exact_table` fills the file of scores; searches that need others score and add them. Rows that are already
in `--out` are not made again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from agents.ddpg.settings import PRESETS, DDPGSettings
from agents.episode import Episode, Past, best_so_far
from agents.rules import RULES
from agents.search.problem import make_problem
from agents.strategies import STRATEGIES, Ddpg, make_strategy
from agents.strategy import Strategy
from amc.graph import KeptCounts
from amc.scoring.candidates import Candidates
from amc.scoring.score_cache import ScoreCache
from amc.scoring.scorer import Scorer
from amc.task import Task
from amc.utils.files import write_json, write_text
from benchmarks.exact_table import JUDGED, SEARCHED, WIDTHS, table_policies, whole_task, with_widths
from benchmarks.intervals import mean_and_half
from benchmarks.runs import machine
from scripts.command.cli import run

COUNTS = (10, 25, 50, 100, 200)
"""The numbers of evaluations after which the best so far is noted."""
ABLATION = "ddpg:"
"""The prefix of `ddpg` with some settings changed, as `ddpg:random_policies=0`."""


@dataclass(frozen=True)
class Arguments:
    """Search the table with every strategy and seed that is missing, then write the page."""

    weights: str
    """A weights file for the network."""
    data: str
    """Images, as for scripts.train."""
    table: Path
    """File of the scores, as `benchmarks.exact_table --out` left it."""
    out: Path
    """Folder for the numbers (searches.json) and the table (searches.md)."""
    model: str = "resnet20"
    """Network, as for scripts.train."""
    budgets: tuple[str, ...] = tuple(WIDTHS)
    """Budgets of the table."""
    strategies: tuple[str, ...] = tuple(STRATEGIES)
    """Strategies, as for scripts.train, or ddpg:SETTING=VALUE for an ablation of the agent."""
    evaluations: int = 200
    """Networks that each search may score."""
    seeds: int = 50
    """Seeds, from 0 on; rules, which draw nothing, have one."""


class Table(NamedTuple):
    """The exact table of one budget.

    Attributes:
        task: The task on the half that is searched on.
        candidates: Scores what is not in the file.
        searched: The scores on that half by policy.
        judged: The accuracies on the other half by policy; none where the file lacks some.
    """

    task: Task
    candidates: Candidates
    searched: dict[bytes, float]
    judged: dict[bytes, float]


def table_searches(arguments: Arguments) -> None:
    """Make the searches that are missing, then write the page."""
    path = arguments.out / "searches.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    known = {(row["budget"], row["strategy"], row["seed"]) for row in rows}
    given = arguments.model, arguments.weights, arguments.data
    tasks = {part: whole_task(*given, part) for part in (SEARCHED, JUDGED)}
    for budget in arguments.budgets:
        todo = [
            (strategy, seed)
            for strategy in arguments.strategies
            for seed in range(1 if strategy in RULES else arguments.seeds)
            if (budget, strategy, seed) not in known
        ]
        table = _table(tasks, budget, arguments.table) if todo else None
        for strategy, seed in todo:
            assert table is not None
            rows.append(_row(table, arguments, strategy, seed, budget))
            write_json(path, {"machine": machine(), "rows": rows})
    write_text(arguments.out / "searches.md", page(rows))


def _table(tasks: dict[str, Task], budget: str, path: Path) -> Table:
    own = {part: with_widths(task, budget) for part, task in tasks.items()}
    found: dict[str, dict[bytes, float]] = {}
    candidates = {part: task.candidates() for part, task in own.items()}
    for part, task in own.items():
        with ScoreCache(path, task.score_dependencies(candidates[part])) as cache:
            scores = {each.tobytes(): cache.get(each) for each in table_policies(task)}
        if part == JUDGED and None in scores.values():
            scores = {}
        elif None in scores.values():
            raise SystemExit(f"the table of {budget} is not complete; go on with benchmarks.exact_table")
        found[part] = {key: score.value if part == SEARCHED else score.metric for key, score in scores.items() if score}
    return Table(own[SEARCHED], candidates[SEARCHED], found[SEARCHED], found[JUDGED])


def _row(table: Table, arguments: Arguments, strategy: str, seed: int, budget: str) -> dict[str, Any]:
    task, candidates = table.task, table.candidates
    episodes: list[Episode] = []
    begun = time.process_time()
    with Scorer(
        lambda: candidates,
        can_race=True,
        open_cache=lambda _: ScoreCache(arguments.table, task.score_dependencies(candidates)),
    ) as scorer:
        problem = make_problem(task, scorer)
        strategy_of(strategy).search(problem, arguments.evaluations, seed, episodes.append, Past())
    seconds = time.process_time() - begun
    best = list(best_so_far(episodes))
    optimum = max(table.searched.values())
    top = max(table.judged.values(), default=None)
    row: dict[str, Any] = {"budget": budget, "strategy": strategy, "seed": seed, "evaluations": len(episodes)}
    for count in COUNTS:
        at = best[min(count, len(best)) - 1]
        key = b"" if at is None else _in_table(table, at.kept_counts)
        row[f"regret_{count}"] = None if at is None else optimum - table.searched[key]
        row[f"judged_regret_{count}"] = None if at is None or top is None else top - table.judged[key]
    images = float(np.mean([episode.outcome.images for episode in episodes]))
    return row | {"images": images, "seconds": seconds}


def _in_table(table: Table, kept_counts: KeptCounts) -> bytes:
    """The policy of the table that a policy is, once what it leaves of the budget is used."""
    return table.task.budgets.fill(kept_counts).tobytes()


def strategy_of(name: str) -> Strategy:
    """The strategy of that name, or the agent with settings that are written after it."""
    if not name.startswith(ABLATION):
        return make_strategy(name)
    settings: DDPGSettings = PRESETS["tuned"]
    for change in name.removeprefix(ABLATION).split(","):
        key, _, value = change.partition("=")
        settings = replace(settings, **{key: type(getattr(settings, key))(json.loads(value))})
    return Ddpg(settings)


def page(rows: Sequence[dict[str, Any]]) -> str:
    """A table for each budget, with a row for each strategy: the mean regret in points, with its 95 % interval."""
    lines: list[str] = []
    for budget in dict.fromkeys(row["budget"] for row in rows):
        own = [row for row in rows if row["budget"] == budget]
        lines += [f"{budget}:", "", f"| strategy | seeds | {' | '.join(map(str, COUNTS))} | judged | s |"]
        lines.append(f"|{'---|' * (len(COUNTS) + 4)}")
        lines += _lines(own)
        lines.append("")
    return "\n".join(lines)


def _lines(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    last = COUNTS[-1]
    by_name: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_name.setdefault(row["strategy"], []).append(row)

    def values(found: Sequence[dict[str, Any]], name: str) -> list[float]:
        return [100 * row[name] for row in found if row[name] is not None]

    def mean(found: Sequence[dict[str, Any]]) -> float:
        return float(np.mean(values(found, f"regret_{last}") or [np.inf]))

    for name, found in sorted(by_name.items(), key=lambda each: mean(each[1])):
        cells = [_cell(values(found, f"regret_{count}")) for count in COUNTS]
        cells += [_cell(values(found, f"judged_regret_{last}")), f"{np.mean([row['seconds'] for row in found]):.0f}"]
        yield f"| `{name}` | {len(found)} | {' | '.join(cells)} |"


def _cell(values: Sequence[float]) -> str:
    if not values:
        return ""
    mean, half = mean_and_half(values)
    return f"{mean:.2f}" + (f" +- {half:.2f}" if len(values) > 1 else "")


def main() -> None:
    """Run as a command."""
    run(table_searches, Arguments)


if __name__ == "__main__":
    main()
