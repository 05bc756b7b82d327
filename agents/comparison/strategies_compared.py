"""One call that compares strategies on a network and its images, for people who work in a notebook."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Sequence
from numbers import Real
from pathlib import Path
from typing import Any, Unpack

from torch import nn

from agents.comparison.comparing import Material, compare_strategies
from agents.comparison.grid import Grid
from agents.report.strategies.strategy_comparison import StrategyComparison
from agents.search.one_call import PruningOptions, as_network
from agents.strategies import MakeStrategy
from amc.cost.limit import as_budgets
from amc.data.find_data import Given
from amc.data.load import Splits, load_for
from amc.networks.sources import Network
from amc.scoring.metric_targets import with_targets
from amc.task_options import TaskOptions
from amc.utils.defaults import COMPARED_STRATEGIES, SEEDS
from amc.utils.device import find_device
from amc.utils.errors import UserError
from amc.utils.option_names import check_options, option
from amc.utils.option_values import as_whole
from amc.utils.seeds import check_seed


def compare(
    model: nn.Module | Network,
    data: Splits | Given,
    budgets: str | Sequence[str],
    strategies: str | MakeStrategy | Sequence[str | MakeStrategy] = COMPARED_STRATEGIES,
    episodes: int = 200,
    seeds: int | Sequence[int] = SEEDS,
    out: str | Path = "runs/compared",
    **options: Unpack[PruningOptions],
) -> StrategyComparison:
    """Search by several strategies at several budgets with several seeds, and put what they find beside each other.

    The reward images are halved by the seed: searches see one half, the other judges. Searches that have ended are
    files in the folder, and are not made again. The result shows itself as tables; the folder has a page with charts
    too, and TensorBoard's events.

    Args:
        model: The trained network, as `amc.search` takes it.
        data: The images, as `amc.search` takes them.
        budgets: The budget or budgets, such as `["macs=0.7", "macs=0.5"]`; several that hold at once have commas
            between them.
        strategies: The strategy or strategies, as `amc.search` takes one; the others are compared with the first.
        episodes: How many policies each search may score.
        seeds: The seed or seeds, with a search for each strategy and budget.
        out: The folder, new or of a comparison with the same options, to which other strategies, budgets and seeds
            may be added.
        **options: How networks are made and scored, as `amc.search` takes it.

    Raises:
        UserError: What `amc.search` raises, or a folder that was begun with other options or images.
    """
    check_options(options, (*PruningOptions.__annotations__, "strategies", "episodes", "seeds", "out"))
    network, device = as_network(model), find_device(options.get("device") or "auto")
    for note in network.notes:
        print(f"note: {note}", file=sys.stderr)
    how = dataclasses.replace(TaskOptions(**options), device=device, name=network.name)
    whole = network.model.to(device)

    def images_of(seed: int) -> Splits:
        splits = data if isinstance(data, Splits) else load_for(data, network.preprocess, seed)
        return with_targets(splits, whole, network.class_names, how.metric, device, how.output_kind)

    grid = Grid(
        _several("strategies", strategies),
        as_budgets(budgets),
        [check_seed(each) for each in _several("seeds", seeds)],
        as_whole("episodes", episodes),
    )
    return compare_strategies(grid, Material(network, images_of, how), Path(out))


def _several(name: str, given: Any) -> list[Any]:
    """What a user gives of an option that takes several: these, or one by itself."""
    if isinstance(given, str | Real) or callable(given):
        return [given]
    if not isinstance(given, Iterable):
        raise UserError(f"expected one or more of {option(name)}, got {given!r}")
    return [*given]
