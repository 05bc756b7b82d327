"""What runs that are compared were asked for and what they reached, in tables for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from agents.report.compared_runs import ComparedRun, RunGroup, distinct
from agents.report.run_result import FOUND, UNIFORM
from agents.report.verdict import with_interval
from amc.scoring.number_format import COST_NAMES, is_share, percent, score
from amc.utils.column_widths import Column
from amc.utils.tabular import Table

POINTS = " points"
"""The unit of differences of accuracies, which the head of their column has."""


def asked_table(groups: Sequence[RunGroup]) -> Table:
    """What each run was asked for, and how many episodes it scored."""
    columns = [
        Column("run", is_text=True),
        Column("network", is_text=True),
        Column("budget", is_text=True),
        Column("strategy", is_text=True),
        Column("seed"),
        Column("episodes"),
    ]
    return Table("runs", columns, [_asked(run) for group in groups for run in group.runs])


def reached_table(groups: Sequence[RunGroup], notes: Sequence[str] = ()) -> Table:
    """What each run reached, below the uniform policy that it has to beat, with notes on how that is to be read."""
    kinds = _kinds(groups)
    columns = [
        Column("run", is_text=True),
        *(Column(f"{COST_NAMES[kind]} left") for kind in kinds),
        Column("reward images"),
        Column("test images"),
        Column(f"{'points ' * _in_points(groups)}against uniform (95 % interval)"),
    ]
    rows = [*_rows(groups, kinds)]
    return Table("results", columns, rows, notes)


def uniform_name(group: RunGroup, groups: Sequence[RunGroup]) -> str:
    """The name of a setting's uniform policy, which says what tells it from those of the other settings."""
    model, budget = group.setting.model, " ".join(group.setting.budget)
    of_network = f" of {model}" if len(distinct(groups, "model")) > 1 else ""
    at_budget = f" at {budget}" if budget and len(distinct(groups, "budget")) > 1 else ""
    return f"{UNIFORM}{of_network}{at_budget}"


def _asked(run: ComparedRun) -> tuple[str, ...]:
    record = run.record
    done = len(record.episodes)
    episodes = f"{done:,}" if done == record.asked else f"{done:,} of {record.asked:,}"
    return run.name, record.model, " ".join(record.budget), record.strategy, str(record.seed), episodes


def _kinds(groups: Sequence[RunGroup]) -> list[str]:
    """The kinds of cost that are shown: MACs, and whatever a budget limits."""
    limited = {limit.partition("=")[0] for group in groups for limit in group.setting.budget}
    return [kind for kind in COST_NAMES if kind == "macs" or kind in limited]


def _rows(groups: Sequence[RunGroup], kinds: Sequence[str]) -> Iterator[tuple[str, ...]]:
    unit = POINTS if _in_points(groups) else ""
    for group in groups:
        metric, uniform = group.setting.metric, group.uniform
        outcome = uniform.episode.outcome if uniform.episode else None
        costs = {kind: float(getattr(outcome, kind)) for kind in kinds} if outcome else {}
        left = _left(costs, group.runs[0].record.whole, kinds)
        yield uniform_name(group, groups), *left, *_scores(metric, uniform.scores), ""
        for run in group.runs:
            left = _left(run.result.costs if run.result else {}, run.record.whole, kinds)
            yield run.name, *left, *_scores(metric, run.scores(FOUND)), _against_uniform(run).replace(unit, "")


def _left(costs: Mapping[str, float], whole: Mapping[str, float], kinds: Sequence[str]) -> list[str]:
    return [percent(costs[kind] / whole[kind], 1) if kind in costs and kind in whole else "" for kind in kinds]


def _scores(metric: str, scores: Sequence[float]) -> list[str]:
    return [score(metric, value) for value in scores] or ["", ""]


def _against_uniform(run: ComparedRun) -> str:
    if not run.scores(FOUND) or run.record.summary is None:
        return ""
    return with_interval(
        run.record.metric, run.record.summary.gain_over_uniform, run.record.summary.difference_to_uniform
    )


def _in_points(groups: Sequence[RunGroup]) -> bool:
    return all(is_share(group.setting.metric) for group in groups)
