"""The options of a task, from those of a command."""

from __future__ import annotations

from amc.cost.costs import COSTS
from amc.latency.latency_model import LatencyModel
from amc.task_options import TaskOptions
from amc.utils.device import find_device
from scripts.command.latency_connection import rounding_step
from scripts.options.network_and_images import join_repeated
from scripts.options.scoring_options import ScoringOptions


def task_options(
    options: ScoringOptions, seed: int, name: str, latency_model: LatencyModel | None = None
) -> TaskOptions:
    """The way in which the networks of a search are made and scored.

    Args:
        options: The options of the command.
        seed: The seed of everything that is drawn.
        name: The name of the network in the files of the search.
        latency_model: Predicts latency, where the search knows it.
    """
    return TaskOptions(
        metric=options.metric,
        output_kind=options.output_kind,
        score=options.score,
        reward_images=options.reward_images,
        round_to=rounding_step(options, latency_model),
        max_sparsity=options.channels.max_sparsity,
        freeze=join_repeated(options.channels.freeze),
        only=join_repeated(options.channels.only),
        criterion=options.criterion,
        recovery=options.recovery,
        search_recovery=options.search_recovery,
        seed=seed,
        device=find_device(options.device),
        costs=latency_model.costs if latency_model else COSTS,
        name=name,
    )
