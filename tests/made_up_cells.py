"""Searches of a comparison of strategies that were made up."""

from __future__ import annotations

import dataclasses
from typing import Any

from agents.report.strategies.cell import Cell, HalfScores, Reached


def reached(*points: tuple[int, float, float]) -> tuple[Reached, ...]:
    """The best so far after each number of evaluations: evaluations, seconds, score."""
    return tuple(Reached(*point) for point in points)


def cell(strategy: str, seed: int = 0, score: float = 0.8, budget: str = "macs=0.5", **changes: Any) -> Cell:
    """A search of 8 evaluations, a second each, that ends with `score` on the judging half."""
    made = Cell(
        strategy=strategy,
        budget=budget,
        seed=seed,
        images=f"images-{seed}",
        machine="a processor",
        evaluations=8,
        seconds=8.0,
        recovery="both",
        kept_counts=(4, 2),
        left={"macs": 0.5, "params": 0.4, "memory": 0.6},
        original=HalfScores(0.96, 0.95, 0.94),
        uniform=HalfScores(0.72, 0.71, 0.7),
        found=HalfScores(score + 0.02, score, score - 0.01),
        best_so_far=reached((1, 1.0, score - 0.1), (8, 8.0, score + 0.02)),
        judged=reached((1, 1.0, score - 0.1), (2, 2.0, score - 0.05), (4, 4.0, score - 0.02), (8, 8.0, score)),
    )
    return dataclasses.replace(made, **changes)
