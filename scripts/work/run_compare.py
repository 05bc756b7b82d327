"""The work of `amc compare`: searches by several strategies, and what they come to."""

from __future__ import annotations

import torch

from agents.comparison.comparing import Material, compare_strategies
from agents.comparison.grid import Grid
from amc.artifacts.run_folder import COMPARISON_FILE
from amc.data.load import Splits
from amc.scoring.engines.engine import make_engine
from amc.utils.device import find_device
from amc.utils.errors import UserError
from scripts.command.asked_task import task_options
from scripts.command.loading import check_inputs, load_images, load_original
from scripts.command.original import score_original
from scripts.command.search_checks import DEFAULT_BUDGET, check_scoring
from scripts.options.compare_arguments import Arguments
from scripts.options.latency_options import DEVICE


def run_compare(arguments: Arguments) -> None:
    """Make the searches that the folder lacks, then print the tables and the path of the page.

    Raises:
        UserError: Arguments that do not fit each other or what they name.
    """
    scoring, seeds = arguments.scoring, arguments.seeds
    grid = Grid(
        arguments.strategies,
        arguments.budgets or DEFAULT_BUDGET,
        seeds,
        arguments.episodes,
        scoring.episodes_at_once,
        make_engine(scoring.engine, scoring.workers),
    )
    grid.check()
    check_scoring(scoring)
    if scoring.channels.round_to == DEVICE:
        raise UserError("--round-to device asks a machine; give the number of channels that amc train prints")
    torch.manual_seed(seeds[0])  # of weights that are random
    network = load_original(arguments.network, quiet=scoring.quiet)
    known: dict[int, Splits] = {}

    def images_of(seed: int) -> Splits:
        splits = load_images(
            arguments.images,
            network,
            scoring.metric,
            scoring.output_kind,
            seed,
            find_device(scoring.device),
            progress=not scoring.quiet and not known,
        )
        if not known:
            known[seed] = splits
            check_inputs(arguments.network, splits.calibration.example(1))
            score_original(
                network, arguments.network, splits.reward, scoring.metric, scoring.device, quiet=scoring.quiet
            )
        return splits

    how = task_options(scoring, seeds[0], network.name)
    comparison = compare_strategies(grid, Material(network, images_of, how), arguments.folder, quiet=scoring.quiet)
    if not scoring.quiet:
        print(comparison)
        print(arguments.folder / COMPARISON_FILE)
