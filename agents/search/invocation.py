"""The record in a search's files of how it was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from amc.artifacts.run_folder import PYTHON
from amc.task import Task
from amc.utils.registry import name_of


@dataclass(frozen=True)
class Invocation:
    """The way in which a search was asked for, so that its files tell it.

    Attributes:
        model: The name of the network, as `amc.load_network` takes it.
        strategy: The name of the strategy.
        program: The command that began the search, `train` or `apply`, or `python`.
        argv: The arguments of its command line; none from Python.
        arguments: All options of the search by name, as later commands read them.
    """

    model: str
    strategy: str
    program: str = PYTHON
    argv: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)


def python_invocation(task: Task, strategy: object, reward: object = "error") -> Invocation:
    """The invocation of a search that was begun from Python, with the options that later commands read."""
    splits, options = task.splits, task.options
    arguments = {
        "model": options.name,
        "weights": "default",
        **dict.fromkeys(("image_size", "mean", "std", "class_order")),
        **splits.preparation,
        "data": splits.source,
        "calibration_images": len(splits.calibration),
        "reward_split": len(splits.reward),
        "test_images": len(splits.test),
        "metric": task.metric_name,
        "output_kind": options.output_kind,
        "criterion": name_of(options.criterion),
        "recovery": name_of(options.recovery),
        "search_recovery": name_of(options.search_recovery),
        "seed": options.seed,
        "strategy": name_of(strategy),
        "reward": name_of(reward),
        "budget": [limit.asked for limit in task.budgets.limits],
    }
    return Invocation(options.name, name_of(strategy), arguments=arguments)
