"""What strategies reached, in tables for the terminal, for the page and for documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agents.report.strategies.cell import Cell, HalfScores
from agents.report.strategies.seed_means import SeedMean, seed_mean
from amc.scoring.number_format import duration, is_share
from amc.utils.column_widths import Column
from amc.utils.tabular import Table

if TYPE_CHECKING:
    from agents.report.strategies.strategy_comparison import StrategyComparison

ORIGINAL, UNIFORM = "original", "uniform"
"""The rows of networks that are scored in every search."""


def results_table(comparison: StrategyComparison, budget: str) -> Table:
    """What each strategy reached at a budget, best first, below the original and the uniform policy."""
    cells, metric = comparison.of(budget), comparison.metric
    unit = ", %" * is_share(metric)
    columns = [
        Column("strategy", is_text=True),
        Column("seeds", gives_way=2),
        Column("evaluations", gives_way=3),
        Column("search", gives_way=1),
        Column(f"judging half{unit}"),
        Column(f"test images{unit}"),
        Column(f"{'points ' * is_share(metric)}against {comparison.reference}"),
    ]
    names = [name for name in comparison.strategies if comparison.of(budget, name)]
    ranked = sorted(names, key=lambda name: -comparison.mean(budget, name, judged).value)
    seeds = {cell.seed: cell for cell in cells}.values()
    rows = [_network(ORIGINAL, metric, [cell.original for cell in seeds])]
    if UNIFORM not in names:
        rows.append(_network(UNIFORM, metric, [cell.uniform for cell in seeds]))
    rows += [_strategy(name, comparison, budget) for name in ranked]
    return Table(f"{comparison.model} at {budget}", columns, rows, notes(cells))


def as_good_table(comparison: StrategyComparison) -> Table:
    """After how many evaluations each strategy is as good as the reference is at its end, at each budget."""
    reference, budgets = comparison.reference, comparison.budgets
    rows = [(name, *(_as_good_after(comparison, budget, name) for budget in budgets)) for name in comparison.strategies]
    return Table(
        f"evaluations (and time) until as good as {reference} at its end",
        [Column("strategy", is_text=True), *(Column(budget) for budget in budgets)],
        rows,
        ["Mean best policy so far on the judging half, looked at after 1, 2, 4, ... evaluations and at the end."],
    )


def notes(cells: Sequence[Cell]) -> list[str]:
    """What to know when the numbers of searches at one budget are read, in sentences."""
    seeds, machines = {cell.seed for cell in cells}, sorted({cell.machine for cell in cells})
    return [
        "Reward images are halved by the seed: searches see one half, the other judges what they found, and ranks it."
        " Nothing is fine-tuned.",
        f"± is the 95 % interval of the mean over {len(seeds)} seeds (Student's t); differences are of equal seeds."
        if len(seeds) > 1
        else "One seed tells nothing of the spread.",
        f"Machine: {', '.join(machines)}.",
    ]


def mean_text(metric: str, mean: SeedMean, sign: str = "") -> str:
    """A mean with its interval, in percent where the metric is a share."""
    factor, digits = (100, 2) if is_share(metric) else (1, 4)
    text = f"{factor * mean.value:{sign}.{digits}f}"
    return text if mean.half is None else f"{text} ± {factor * mean.half:.{digits}f}"


def judged(cell: Cell) -> float:
    """The score of the policy that was found on the judging half."""
    return cell.found.judged


def _network(name: str, metric: str, scores: Sequence[HalfScores]) -> tuple[str, ...]:
    on_half, on_test = (
        seed_mean(values) for values in zip(*((each.judged, each.test) for each in scores), strict=True)
    )
    return name, "", "", "", mean_text(metric, on_half), mean_text(metric, on_test), ""


def _strategy(name: str, comparison: StrategyComparison, budget: str) -> tuple[str, ...]:
    cells, metric = comparison.of(budget, name), comparison.metric
    difference = None if name == comparison.reference else comparison.difference(budget, name, judged)
    return (
        name,
        str(len(cells)),
        f"{seed_mean([cell.evaluations for cell in cells]).value:.0f}",
        duration(seed_mean([cell.seconds for cell in cells]).value),
        mean_text(metric, comparison.mean(budget, name, judged)),
        mean_text(metric, comparison.mean(budget, name, lambda cell: cell.found.test)),
        "" if difference is None else mean_text(metric, difference, "+"),
    )


def _as_good_after(comparison: StrategyComparison, budget: str, name: str) -> str:
    if not comparison.of(budget, name):
        return ""
    found = comparison.as_good_after(budget, name)
    return "not reached" if found is None else f"{found[0]} ({duration(found[1])})"
