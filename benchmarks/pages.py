"""Writes the tables of comparisons into the pages that show them, from the cells in docs/measured/.

A page marks the place of a table by `<!-- strategies: NAME BUDGET -->`, for all strategies of the comparison in
docs/measured/NAME, or by `<!-- found: NAME BUDGET, NAME BUDGET -->`, for what the first strategy of each found beside
the original and the uniform policy; and its end by `<!-- end -->`. The comparisons are made by `benchmarks.measured`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import NamedTuple

from agents.comparison.comparison_folder import ComparisonFolder, in_order
from agents.report.strategies.seed_means import seed_mean
from agents.report.strategies.strategy_comparison import StrategyComparison
from agents.report.strategies.strategy_tables import mean_text, results_table
from amc.scoring.number_format import COST_NAMES, percent
from amc.utils.column_widths import Column
from amc.utils.errors import UserError
from amc.utils.files import write_text
from amc.utils.tabular import Table

ROOT = Path(__file__).parents[1]
MEASURED = ROOT / "docs" / "measured"
"""The folder of the comparisons."""
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
PLACE = re.compile(r"^(<!-- (strategies|found): ([^\n]+) -->\n).*?^(<!-- end -->)$", flags=re.DOTALL | re.MULTILINE)
"""The place of a table in a page."""
WIDTH = 120
"""The most characters of a line of text."""
FIRST = "ddpg"
"""The strategy that others are compared with in pages, where a comparison has it."""


def write_pages() -> None:
    """Write the tables of all pages anew, and print the names of the pages that changed."""
    for path in PAGES:
        before = path.read_text(encoding="utf-8")
        after = with_tables(before)
        if after != before:
            write_text(path, after)
            print(path.relative_to(ROOT))


def with_tables(page: str) -> str:
    """The text of a page with its tables as the cells have them.

    Raises:
        UserError: There is no such comparison, or it has no search at the budget.
    """
    return PLACE.sub(lambda place: f"{place[1]}\n{_table(place[2], place[3])}\n{place[4]}", page)


def _table(kind: str, named: str) -> str:
    measured = [Measured.read(*each.split()) for each in named.split(", ")]
    if kind == "strategies":
        (one,) = measured
        return markdown(results_table(one.comparison, one.budget))
    columns = [Column(name) for name in ("network", "left", "seeds", "original, %", "uniform, %", "found, %")]
    return markdown(Table("", columns, [each.row for each in measured]))


class Measured(NamedTuple):
    """A comparison, and one of its budgets."""

    comparison: StrategyComparison
    budget: str

    @classmethod
    def read(cls, name: str, budget: str) -> Measured:
        """The comparison of that name.

        Raises:
            UserError: There is none, or it has no search at the budget.
        """
        path = MEASURED / name
        if not path.is_dir():
            raise UserError(f"no comparison in {path}; make it by python -m benchmarks.measured --only {name}")
        folder = ComparisonFolder(path)
        shared, cells = folder.shared, in_order(folder.cells(), [FIRST], [])
        comparison = StrategyComparison(shared.model, shared.metric, cells)
        if budget not in comparison.budgets:
            raise UserError(f"{path} has no search at {budget}, but at {', '.join(comparison.budgets)}")
        return cls(comparison, budget)

    @property
    def row(self) -> tuple[str, ...]:
        """What the first strategy found, on the test images: means with their intervals."""
        metric, kind = self.comparison.metric, self.budget.partition("=")[0]
        cells = self.comparison.of(self.budget, self.comparison.reference)
        left = percent(seed_mean([cell.left[kind] for cell in cells]).value, digits=1)
        scores = (
            seed_mean([of(cell).test for cell in cells])
            for of in (lambda cell: cell.original, lambda cell: cell.uniform, lambda cell: cell.found)
        )
        texts = (mean_text(metric, mean) for mean in scores)
        return f"`{self.comparison.model}`", f"{left} of {COST_NAMES[kind]}", str(len(cells)), *texts


def markdown(table: Table) -> str:
    """A table in Markdown, with its notes below."""
    lines = [[column.header for column in table.columns], ["---"] * len(table.columns), *table.rows]
    notes = wrap(" ".join(table.notes), WIDTH, break_long_words=False, break_on_hyphens=False)
    return "\n".join([*map(_line, lines), *([""] if notes else []), *notes, ""])


def _line(cells: Sequence[str]) -> str:
    return "".join(f"| {cell} " if cell else "| " for cell in cells) + "|"
