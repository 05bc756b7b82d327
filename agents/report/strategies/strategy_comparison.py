"""Strategies beside each other, for the terminal, a notebook and the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from agents.report.strategies.cell import Cell
from agents.report.strategies.seed_means import MeanCurve, SeedMean, mean_curve, seed_mean
from agents.report.strategies.strategy_tables import as_good_table, judged, results_table
from amc.scoring.number_format import score
from amc.utils.tabular import Table, Tabular

Score = Callable[[Cell], float]
"""A score of a search, such as that of its policy on the test images."""


@dataclass(frozen=True, eq=False)
class StrategyComparison(Tabular):
    """Searches of one network by several strategies, at several budgets, with several seeds.

    Attributes:
        model: The name of the network.
        metric: The name of the metric of all scores.
        cells: The searches that have ended, one or more; the first strategy among them is the one that others are
            compared with.
    """

    model: str
    metric: str
    cells: Sequence[Cell]

    @cached_property
    def strategies(self) -> list[str]:
        """The names of the strategies, each once, in order."""
        return [*dict.fromkeys(cell.strategy for cell in self.cells)]

    @cached_property
    def budgets(self) -> list[str]:
        """The budgets, each once, in order."""
        return [*dict.fromkeys(cell.budget for cell in self.cells)]

    @property
    def reference(self) -> str:
        """The strategy that the others are compared with."""
        return self.strategies[0]

    def of(self, budget: str, strategy: str | None = None) -> list[Cell]:
        """The searches at a budget, by one strategy or by all, in the order of their seeds."""
        found = [cell for cell in self.cells if cell.budget == budget and strategy in (None, cell.strategy)]
        return sorted(found, key=lambda cell: cell.seed)

    def mean(self, budget: str, strategy: str, of: Score) -> SeedMean:
        """The mean of a score over the seeds."""
        return seed_mean([of(cell) for cell in self.of(budget, strategy)])

    def difference(self, budget: str, strategy: str, of: Score) -> SeedMean | None:
        """The mean difference of a score to the reference over the seeds that both have; None where there is none."""
        other = {cell.seed: of(cell) for cell in self.of(budget, self.reference)}
        pairs = [of(cell) - other[cell.seed] for cell in self.of(budget, strategy) if cell.seed in other]
        return seed_mean(pairs) if pairs else None

    def curve(self, budget: str, strategy: str, *, judged: bool, in_seconds: bool) -> MeanCurve:
        """The mean of the best score so far, on the judging half or as searched, against evaluations or seconds."""
        return mean_curve(
            [cell.judged if judged else cell.best_so_far for cell in self.of(budget, strategy)],
            lambda point: point.seconds if in_seconds else point.evaluations,
        )

    def as_good_after(self, budget: str, strategy: str) -> tuple[int, float] | None:
        """After how many evaluations and seconds the mean on the judging half is that of the reference at its end.

        Both are those of the first of the evaluations at which policies are judged; None where it never is, or where
        the reference has no search at the budget.
        """
        if not self.of(budget, self.reference):
            return None
        wanted = float(self.curve(budget, self.reference, judged=True, in_seconds=False).mean[-1])
        curve = self.curve(budget, strategy, judged=True, in_seconds=False)
        found = next((at for at, mean in zip(curve.at, curve.mean, strict=True) if mean >= wanted), None)
        if found is None:
            return None
        seconds = [
            next((point.seconds for point in cell.judged if point.evaluations >= found), cell.seconds)
            for cell in self.of(budget, strategy)
        ]
        return int(found), seed_mean(seconds).value

    @property
    def tables(self) -> Sequence[Table]:
        """The results at each budget, and when each strategy is as good as the reference."""
        results = [results_table(self, budget) for budget in self.budgets]
        return results if len(self.strategies) == 1 else [*results, as_good_table(self)]

    @property
    def headline(self) -> str:
        """What is compared, and which strategy is best at each budget, in a sentence."""
        best = []
        for budget in self.budgets:
            means = {name: self.mean(budget, name, judged).value for name in self.strategies if self.of(budget, name)}
            name = max(means, key=means.__getitem__)
            best.append(f"{name} at {budget} ({score(self.metric, means[name])})")
        strategies = "1 strategy" if len(self.strategies) == 1 else f"{len(self.strategies)} strategies"
        return f"{strategies} on {self.model}; best on the judging half: {', '.join(best)}"
