"""The events of TensorBoard for strategies that are compared: a run for each strategy at each budget."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from agents.report.strategies.cell import Cell
from agents.report.strategies.strategy_comparison import StrategyComparison
from agents.report.strategies.strategy_figures import figures
from agents.report.tensorboard.event_file import EventFile

RESULTS: dict[str, Callable[[Cell], float]] = {
    "judging half": lambda cell: cell.found.judged,
    "test images": lambda cell: cell.found.test,
    "seconds": lambda cell: cell.seconds,
}
"""The final numbers of a search, by the names of their curves."""


def write_events(comparison: StrategyComparison, folder: Path) -> None:
    """Write the mean curves, the results and the charts, in the place of those that the folder has.

    Raises:
        UserError: They can't be written.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for budget in comparison.budgets:
        for strategy in comparison.strategies:
            if comparison.of(budget, strategy):
                _write_strategy(comparison, folder, budget, strategy)
    events = EventFile(folder / "charts", 0)

    def add() -> None:
        for name, figure in figures(comparison):
            events.writer.add_figure(name, figure, 0)

    events.close(add)


def _write_strategy(comparison: StrategyComparison, folder: Path, budget: str, strategy: str) -> None:
    events = EventFile(folder / re.sub(r"[^\w.=,-]+", "-", f"{budget}-{strategy}"), 0)

    def add() -> None:
        for half, is_judged in (("judging half", True), ("search half", False)):
            curve = comparison.curve(budget, strategy, judged=is_judged, in_seconds=False)
            for at, mean in zip(curve.at, curve.mean, strict=True):
                events.writer.add_scalar(f"best so far/{half}", mean, int(at))
        for name, of in RESULTS.items():
            events.writer.add_scalar(f"result/{name}", comparison.mean(budget, strategy, of).value, 0)

    events.close(add)
