"""What each part of the recovery `asymmetric` is worth: the uniform policy with one part taken away at a time.

The tables of docs/inverted-bottlenecks.md come from this command.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn

from amc.data.load import load_data
from amc.data.splits import SplitSizes
from amc.networks.sources import load_network
from amc.recovery import asymmetric, layer_problem
from amc.recovery.batch_norm_statistics import reestimate
from amc.recovery.output_distance import SCORES, output_distance
from amc.recovery.solved_layers import Solution
from amc.task import Task
from amc.task_options import TaskOptions
from amc.utils.files import write_text
from benchmarks.runs import machine, percent
from scripts.command.cli import run

SOLVE = asymmetric._RefitPass._solution
Parts = Mapping[tuple[Any, str], Any]
"""What stands in place of attributes, by their owners and names."""


def _without_depthwise(refit: Any, chunks: Any, current: Tensor, norm: Any) -> Solution:
    """Solve a layer, unless it has a group for every channel."""
    is_depthwise = len(current) > 1 and current.shape[2] == 1
    return Solution(None, None) if is_depthwise else SOLVE(refit, chunks, current, norm)


FEW_ROWS: Parts = {(asymmetric, "MOST_POSITIONS"): asymmetric.LEAST_POSITIONS}
ALL_SEEN: Parts = {(asymmetric, "held_out_images"): lambda *_: 0}
NO_GAIN: Parts = {(layer_problem, "MOST_GAIN"): 1.0}
WITHOUT: dict[str, Parts] = {
    "nothing": {},
    f"no more than {asymmetric.LEAST_POSITIONS} positions of an image, where they determine a layer": FEW_ROWS,
    "no images held out, the ridge fixed": ALL_SEEN,
    "variances as they come out": NO_GAIN,
    "all three": {**FEW_ROWS, **ALL_SEEN, **NO_GAIN},
    "depthwise layers as they were cut": {(asymmetric._RefitPass, "_solution"): _without_depthwise},
    "class scores as they come out": {(asymmetric, "scale_scores"): lambda *_: None},
    "the drift of shortcuts left": {(asymmetric, "_before"): lambda _, drift: torch.zeros_like(drift)},
}
"""What is taken away, by its name in the table."""


@dataclass(frozen=True)
class Arguments:
    """Recover the uniform policy of a network with parts of a recovery taken away, and compare with the original."""

    model: str
    """Network, as for amc train."""
    data: str
    """Images, as for amc train; the reward split judges, and the test split where it is the other half of val."""
    out: Path
    """File for the table."""
    weights: str = "default"
    """Weights file."""
    budget: float = 0.7
    """Share of the MACs that is left."""
    images: int = 300
    """Number of calibration images."""
    judged: int = 2000
    """Number of reward images, at the most."""
    seed: int = 0
    """Seed of the calibration images and the sampled positions."""


def ablation(arguments: Arguments) -> None:
    """Measure all rows, print each, and write the table."""
    network = load_network(arguments.model, arguments.weights)
    sizes = SplitSizes(calibration=arguments.images)
    splits = load_data(arguments.data, network.preprocess, sizes, arguments.seed)
    task = Task(network.model, splits, [f"macs={arguments.budget}"], TaskOptions(seed=arguments.seed))
    parts = (
        [splits.reward, splits.test]
        if splits.test_from_val
        else [splits.reward.take(min(arguments.judged, len(splits.reward)), 0)]
    )
    batches = [batch for images in parts for batch in images.batches(50)]
    original = [_outputs(task.model, inputs) for inputs, _ in batches]
    lines = [
        f"{network.name}, {arguments.budget:.0%} of the MACs left, {len(splits.calibration)} images to calibrate,"
        f" {sum(map(len, original))} to judge ({machine()}):",
        "",
        "| taken away | accuracy | distance to the original's outputs, nats |",
        "|---|---|---|",
    ]
    for name, pruned in _networks(task):
        outputs = [_outputs(pruned, inputs) for inputs, _ in batches]
        targets = [each for _, each in batches]
        right = torch.cat([(out.argmax(1) == each) for out, each in zip(outputs, targets, strict=True)])
        distances = [output_distance(*pair, (SCORES,)) for pair in zip(outputs, original, strict=True)]
        lines.append(f"| {name} | {percent(float(right.float().mean()))} | {float(torch.cat(distances).mean()):.3f} |")
        print(lines[-1], flush=True)
    write_text(arguments.out, "\n".join(lines) + "\n")


def _networks(task: Task) -> Iterator[tuple[str, nn.Module]]:
    """The compact networks of the uniform policy, by what was taken away."""
    yield "the original, not pruned", task.model
    mask = task.compressor.mask(task.budgets.uniform)

    def make(way: str) -> nn.Module:
        return task.compressor.of(task.model, task.graph).compact(mask, way)[0]

    yield "`both` instead", make("both")
    for name, parts in WITHOUT.items():
        with ExitStack() as stack:
            for (owner, attribute), value in parts.items():
                stack.enter_context(patch.object(owner, attribute, value))
            network = make("asymmetric")
        yield name, network
        if not parts:
            reestimate(network, task.compressor.calibration)
            yield "nothing, and batch-norm statistics taken again afterwards", network


@torch.no_grad()
def _outputs(network: nn.Module, inputs: Any) -> Tensor:
    outputs: Tensor = network(inputs)
    return outputs


def main() -> None:
    """Run as a command."""
    run(ablation, Arguments)


if __name__ == "__main__":
    main()
