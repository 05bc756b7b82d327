"""What a report says of a run in tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from agents.episode import best_of
from agents.report.command_lines import steps
from agents.report.front_table import front_table
from agents.report.run_record import RunRecord
from agents.report.run_result import FOUND, ORIGINAL, UNIFORM, UNTRAINED, RunResult
from agents.report.verdict import opposite, with_interval
from amc.cost.costs import format_cost
from amc.scoring.number_format import COST_NAMES, duration, metric_name, percent, score, score_drop
from amc.utils import tabular


class Table(NamedTuple):
    """Texts in rows; the first column says what a row is about.

    Attributes:
        head: The names of the columns; empty for a table without a head.
        rows: The cells of each row.
        text_columns: The places of the columns that are text and begin at the left; the others are numbers.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    text_columns: Sequence[int] = (0,)


def page_table(table: tabular.Table) -> Table:
    """The table of a page from one that is also shown elsewhere."""
    places = [place for place, column in enumerate(table.columns) if column.is_text]
    return Table([column.header for column in table.columns], table.rows, places)


def asked_and_reached(record: RunRecord, result: RunResult | None) -> Table:
    """The episodes and the budget that were asked for, and what came of it."""
    rows = [("episodes", f"{record.asked:,}", f"{len(record.episodes):,}")]
    for limit in record.budget:
        kind, _, most = limit.partition("=")
        is_share = _is_share(most)
        asked, reached = percent(float(most)) if is_share else most, ""
        if result is not None:
            left = result.costs[kind]
            reached = percent(left / record.whole[kind]) if is_share else format_cost(kind, left)
        rows.append((f"{COST_NAMES[kind]} left, at most", asked, reached))
    if record.max_drop is not None:
        summary = record.summary
        reached = "" if summary is None or summary.drop is None else score_drop(record.metric, summary.drop)
        rows.append(("drop, at most", score_drop(record.metric, record.max_drop), reached))
    return Table(("", "asked", "reached"), rows)


def judged(record: RunRecord) -> Table | None:
    """What came of each budget of a search for the least one; None for other searches, and before the end."""
    if record.summary is None or not record.summary.judged:
        return None

    def points(drop: float | None) -> str:
        return "" if drop is None else score_drop(record.metric, drop)

    rows = [
        (" ".join(each.budget), points(each.drop), points(each.judged_drop), "yes" if each.holds else "no")
        for each in record.summary.judged
    ]
    return Table(("budget", "drop on reward images", "on judging images", "good enough"), rows, (0, 3))


def stages(record: RunRecord) -> Table | None:
    """The best policy of each stage that was begun, as it scored in the search; None for a search in one stage."""
    if len(record.stages) == 1:
        return None
    rows = []
    for place, limits in enumerate(record.stages):
        episodes = [episode for episode in record.episodes if episode.stage == place]
        best = best_of(episodes)
        if best is not None:
            reached = f"{100 * best.outcome.macs / record.whole['macs']:.1f} %"
            rows.append((" ".join(limits), f"{len(episodes):,}", reached, score(record.metric, best.outcome.accuracy)))
    return Table(("stage", "episodes", f"{COST_NAMES['macs']} left", f"best {metric_name(record.metric)}"), rows)


def front(record: RunRecord) -> Table | None:
    """The points of a range of budgets, with the folders of their networks; None for one budget."""
    if record.front is None:
        return None
    return page_table(front_table(record.front))


def scores(record: RunRecord, result: RunResult) -> Table:
    """The scores of the networks, and how far they are from the original once that is known."""
    if record.summary is None:
        rows = [(name, score(record.metric, value)) for name, (value,) in result.scores.items()]
        return Table(("network", "reward images of the search"), rows)
    summary = record.summary
    compared = UNTRAINED if UNTRAINED in result.scores else FOUND  # in closed form, as the uniform one is
    intervals = {
        (FOUND, ORIGINAL): summary.drop_on_test and opposite(summary.drop_on_test),
        (compared, UNIFORM): summary.difference_to_uniform,
    }

    def against(name: str, other: str) -> str:
        if name in (other, ORIGINAL) or (name == FOUND != compared and other == UNIFORM):
            return ""
        value = result.scores[name][1] - result.scores[other][1]
        return with_interval(record.metric, value, intervals.get((name, other)))

    return Table(
        ("network", "reward images", "test images", "against the original", "against uniform"),
        [
            (
                name,
                score(record.metric, on_reward),
                score(record.metric, on_test),
                against(name, ORIGINAL),
                against(name, UNIFORM),
            )
            for name, (on_reward, on_test) in result.scores.items()
        ],
    )


def finalists(record: RunRecord) -> Table | None:
    """The scores of the policies that were made again, and which one is kept; None for one alone, or where unknown."""
    if record.summary is None or len(record.summary.finalists) < 2:
        return None
    return Table(
        ("episode", "score in the search", "made again", ""),
        [
            (
                str(each.episode),
                score(record.metric, each.search_accuracy),
                score(record.metric, each.reward_accuracy),
                "kept" if each.is_kept else "",
            )
            for each in record.summary.finalists
        ],
    )


def costs(record: RunRecord, result: RunResult) -> Table:
    """The costs of one image before and after pruning."""
    return Table(
        ("cost of one image", "original", "found", "left"),
        [
            (
                COST_NAMES[kind],
                format_cost(kind, whole),
                format_cost(kind, result.costs[kind]),
                percent(result.costs[kind] / whole),
            )
            for kind, whole in record.whole.items()
        ],
    )


def channels(record: RunRecord, result: RunResult) -> Table:
    """The channels of every group: in the original, in the uniform policy, and those that are kept."""
    uniform = list(map(str, result.uniform)) or [""] * len(record.groups)
    head = ("group", "original", "uniform", "kept", "sparsity")
    rows = [
        (
            group.name,
            str(group.width),
            even,
            str(kept),
            f"{100 * (1 - kept / group.width):.0f} %",
        )
        for group, even, kept in zip(record.groups, uniform, result.channels, strict=True)
    ]
    return Table(head, rows)


def commands(record: RunRecord) -> Table:
    """The commands that make the run and its report again, and those that go on from its result."""
    arguments = vars(record.summary.arguments) if record.summary else None
    return Table(("to", "run"), steps(record.program, record.words, record.folder, arguments))


def circumstances(record: RunRecord) -> Table:
    """The circumstances of the run: strategy, seed, metric, times, input and versions."""
    rows = [("strategy", record.strategy), ("seed", str(record.seed)), ("metric", record.metric)]
    rows.append(("time of the search", duration(record.seconds)))
    if record.summary is not None:
        rows.append(("time in all", duration(record.summary.wall_seconds)))
    if record.policy is not None:
        rows.append(("input", record.policy.inputs))
        rows += [(name, version) for name, version in record.policy.versions.items()]
    return Table((), rows)


def _is_share(most: str) -> bool:
    return most[-1].isdigit() and float(most) <= 1
