"""The searches of a comparison one after the other, and what is written of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from agents.comparison.cell_search import HalvedImages, halved, search_cell
from agents.comparison.comparison_folder import ComparisonFolder, Shared, in_order
from agents.comparison.grid import Grid, limits_of_budget
from agents.report.strategies.cell import Cell, CellKey
from agents.report.strategies.strategies_page import render_strategies
from agents.report.strategies.strategy_comparison import StrategyComparison
from agents.report.strategies.strategy_events import write_events
from agents.search.stages import Stages
from amc.artifacts.digests import shapes_digest, weights_digest
from amc.artifacts.policy import current_versions
from amc.artifacts.run_folder import COMPARISON_FILE
from amc.data.load import Splits
from amc.networks.sources import Network
from amc.scoring.number_format import duration, score
from amc.task import Task
from amc.task_options import TaskOptions
from amc.utils.errors import UserError
from amc.utils.files import write_text
from amc.utils.option_names import option
from amc.utils.registry import name_of

EVENTS_FOLDER = "tensorboard"
"""The folder of TensorBoard's events in that of a comparison."""
PER_SEED = ("seed", "device", "costs", "name")
"""Options of a task that are not among those that all searches have in common."""


class Material(NamedTuple):
    """The network of a comparison, its images by seed, and the way in which networks are made and scored."""

    network: Network
    images_of: Callable[[int], Splits]
    options: TaskOptions


def compare_strategies(grid: Grid, material: Material, out: Path, *, quiet: bool = False) -> StrategyComparison:
    """Make the searches that the folder lacks, and write tables and charts of all that it has.

    A search that is interrupted is begun again by the next call, and those before it are not.

    Args:
        grid: The searches that are asked for.
        material: What is searched on.
        out: The folder, new or of a comparison with the same options.
        quiet: Whether no progress is shown.

    Raises:
        UserError: An unknown name, a folder that was begun with other options or images, or too few evaluations for a
            strategy.
    """
    grid.check()
    folder = ComparisonFolder(out)
    done = {cell.key: cell for cell in folder.cells()}
    first = material.images_of(grid.seeds[0])
    if unmade := [key for seed in grid.seeds for key in grid.keys(seed) if key not in done]:
        _check_plans(unmade, grid, material, first)
    shared = _shared(grid, material, first)
    folder.check(shared)
    count = sum(1 for seed in grid.seeds for _ in grid.keys(seed))
    try:
        for seed in grid.seeds:
            missing = [key for key in grid.keys(seed) if key not in done]
            if missing or seed == grid.seeds[0]:
                images = halved(first if seed == grid.seeds[0] else material.images_of(seed), seed)
                _check_images(images, seed, done.values(), out)
            for key in missing:
                done[key] = _searched(key, grid, material, images, quiet=quiet)
                folder.write(done[key])
                if not quiet:
                    place = sum(1 for each in grid.seeds for other in grid.keys(each) if other in done)
                    print(f"{place} of {count}: {_said(done[key], shared.metric)}", file=sys.stderr)
    finally:
        if done:
            comparison = _written(grid, shared, [*done.values()], out)
    return comparison


def _check_plans(keys: Iterable[CellKey], grid: Grid, material: Material, splits: Splits) -> None:
    """Raise a UserError for a search that could not be begun, before any other is made."""
    task = Task(material.network.model, splits, (), material.options)
    for key in {(each.strategy, each.budget): each for each in keys}.values():
        with Stages(task.with_budgets(limits_of_budget(key.budget)), grid.plan(key)):
            pass


def _searched(key: CellKey, grid: Grid, material: Material, images: HalvedImages, *, quiet: bool) -> Cell:
    """A search with a task of its own, so that none gains from what another has computed."""
    limits, options = limits_of_budget(key.budget), replace(material.options, seed=key.seed)
    task = Task(material.network.model, images.splits, limits, options)
    is_shown = sys.stderr.isatty() and not quiet
    return search_cell(key, task, images, grid.plan(key), quiet=not is_shown)


def _shared(grid: Grid, material: Material, splits: Splits) -> Shared:
    network, options = material.network, material.options
    named = {name: _plain(value) for name, value in vars(options).items() if name not in PER_SEED}
    return Shared(
        model=network.name,
        metric=named["metric"],
        episodes=grid.episodes,
        architecture=shapes_digest(network.model),
        weights=weights_digest(network.model),
        images={name: len(getattr(splits, name)) for name in ("calibration", "reward", "test")},
        options={**named, "round_size": grid.round_size},
        versions=current_versions(),
    )


def _plain(value: Any) -> Any:
    """An option as JSON has it."""
    if isinstance(value, tuple | list):
        return [*value]
    return name_of(value) if callable(value) else value


def _check_images(images: HalvedImages, seed: int, done: Iterable[Cell], out: Path) -> None:
    """Raise a UserError where the searches with a seed that have ended saw other images."""
    if any(cell.images != images.digest for cell in done if cell.seed == seed):
        raise UserError(
            f"{out} was begun with other images ({option('data')}); give the same again, or another {option('out')}"
        )


def _said(cell: Cell, metric: str) -> str:
    judged = score(metric, cell.found.judged)
    return f"{cell.strategy} at {cell.budget}, seed {cell.seed}: {judged} judged, {duration(cell.seconds)} of searching"


def _written(grid: Grid, shared: Shared, cells: Sequence[Cell], out: Path) -> StrategyComparison:
    comparison = StrategyComparison(shared.model, shared.metric, in_order(cells, [*grid.by_name], [*grid.budgets]))
    write_text(out / COMPARISON_FILE, render_strategies(comparison))
    write_events(comparison, out / EVENTS_FOLDER)
    return comparison
