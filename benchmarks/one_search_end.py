"""One search of `benchmarks.search_end`, in a process of its own, by whatever version of the project it finds.

It is run as a file (`python -P`), with a checkout of the project in PYTHONPATH, and prints its numbers as JSON.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from agents.search.invocation import python_invocation
from agents.search.plan import SearchPlan
from agents.search.search_run import SearchRun
from agents.strategies import make_strategy
from amc.data.load import Splits, load_data
from amc.data.resident import ResidentImages
from amc.networks.sources import load_network
from amc.task import Task
from amc.task_options import TaskOptions

CLASSES = 10
COARSE = 8
"""The pixels along each side of what generated images are made of, besides noise."""


def measured(model: str, weights: str, data: str, size: int, images: tuple[int, int, int], episodes: int) -> None:
    """Search on a network, and print the seconds of an episode and of all that comes after the last one.

    Args:
        model: The network, as for `amc train`.
        weights: Its weights, likewise.
        data: Its images, likewise; empty for generated ones.
        size: The pixels along each side of generated images.
        images: How many calibration, reward and test images are generated.
        episodes: How many policies are scored.
    """
    torch.manual_seed(0)
    network = load_network(model, weights)
    splits = load_data(data, network.preprocess, seed=0) if data else _generated(size, *images)
    task = Task(network.model, splits, ["macs=0.5"], TaskOptions(name=model, seed=0))
    plan = SearchPlan(lambda _: make_strategy("ddpg"), episodes, 0)
    times: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        run = SearchRun(
            task,
            plan,
            python_invocation(task, "ddpg"),
            Path(folder) / "run",
            original_accuracy=task.accuracy(task.model, splits.reward),  # which a command knows by then
        )
        result = run.run(lambda _: times.append(time.perf_counter()))
        end = time.perf_counter() - times[-1]
        policy = (Path(folder) / "run" / "policy.json").read_bytes()
    print(
        json.dumps(
            {
                "episode": (times[-1] - times[0]) / (len(times) - 1),
                "end": end,
                "policy": hashlib.sha256(policy).hexdigest(),
                "accuracies": [result.final.policy.reward_accuracy, result.on_test.uniform, result.on_test.policy],
            }
        )
    )


def _generated(size: int, calibration: int, reward: int, test: int) -> Splits:
    generator = torch.Generator().manual_seed(0)

    def images(count: int) -> ResidentImages:
        coarse = torch.randn(count, 3, COARSE, COARSE, generator=generator)
        inputs: Tensor = F.interpolate(coarse, size=(size, size), mode="bilinear")
        inputs += 0.3 * torch.randn(inputs.shape, generator=generator)
        return ResidentImages(inputs.contiguous(memory_format=torch.channels_last), torch.arange(count) % CLASSES)

    seen = images(calibration)
    return Splits(seen, seen, images(reward), images(test), None, False)


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    measured(**given)
