"""The time of an episode beside that of its bare forward passes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import torch
from torch import Tensor, nn

from amc.graph import KeptCounts
from amc.scoring.candidates import CALIBRATION_BATCHES, Candidates
from amc.scoring.executor import StatisticsPass
from amc.task import CALIBRATION_BATCH
from benchmarks.part_times import PartTimes, best_of

BATCHES = (32, 64, 128, 256, 500)
"""The batch sizes of which bare forward passes take the fastest."""


def relative_times(candidates: Candidates, kept_counts: KeptCounts) -> dict[str, float]:
    """The time of an episode relative to its bare forward passes, and theirs to their convolutions alone.

    Args:
        candidates: Makes and scores the networks.
        kept_counts: The policy of the episode, int64 `(groups,)`.
    """
    episode = best_of(lambda: candidates.score(kept_counts))
    with ExitStack() as stack:
        parts = PartTimes()
        parts.time_calls(stack, StatisticsPass, "take", "statistics")
        network = candidates.network(kept_counts)
    images = torch.cat([inputs for inputs, _ in candidates.batches()])
    calibration = CALIBRATION_BATCHES * CALIBRATION_BATCH
    size = min(BATCHES, key=lambda each: _pass(network, images[: 4 * each], each) / (4 * each))
    batch = len(next(candidates.batches())[1])
    reward = min(_pass(network, images, size), _pass(candidates.fused(network), images, batch))
    return {
        "best_batch": size,
        "overhead_over_forward": episode / (reward * (1 + calibration / len(images))),
        "statistics_over_reward_pass": parts.seconds["statistics"] / reward,
        "convolutions_over_forward": _convolutions(network, images[:size]) * len(images) / size / reward,
    }


def _pass(run: Callable[[Tensor], Tensor], images: Tensor, size: int) -> float:
    """The seconds of a pass over images in batches of that size."""
    with torch.inference_mode():
        return best_of(lambda: [run(batch) for batch in images.split(size)])


def _convolutions(network: nn.Module, batch: Tensor) -> float:
    """The seconds of all convolutions of a pass over one batch, each alone on an input of its shape."""
    inputs: dict[nn.Module, Tensor] = {}
    hooks = [
        module.register_forward_pre_hook(lambda module, given: inputs.update({module: given[0].clone()}))
        for module in network.modules()
        if isinstance(module, nn.Conv2d)
    ]
    with torch.inference_mode():
        network(batch)
        for hook in hooks:
            hook.remove()
        return sum(best_of(lambda: conv(given), 10) for conv, given in inputs.items())  # noqa: B023
