"""The share of MACs that torch-pruning leaves of a network of benchmarks.coverage.

`python -m benchmarks.coverage_torch_pruning NAME` prints it.
"""

from __future__ import annotations

import importlib
import sys

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from amc.graph.inputs import arguments
from amc.utils.text import one_line
from benchmarks.coverage_networks import build
from benchmarks.runs import percent
from tests.oracles import counted

CLASSES = 1000
"""The number of outputs by which the last layer is known, which is not pruned."""


def share_left(name: str) -> str:
    """The share of MACs that is left when asked to cut 80 % of all channels but the classes, or the error, in words."""
    pruning = importlib.import_module("torch_pruning")
    model, example = build(name)
    before = counted(model, arguments(example))
    classifiers = [
        module
        for module in model.modules()
        if (isinstance(module, nn.Linear) and module.out_features == CLASSES)
        or (isinstance(module, _ConvNd) and module.out_channels == CLASSES)
    ]
    try:
        pruner = pruning.pruner.MagnitudePruner(
            model,
            arguments(example),
            importance=pruning.importance.MagnitudeImportance(p=1),
            pruning_ratio=0.8,
            ignored_layers=classifiers,
        )
        pruner.step()
        return f"{percent(counted(model, arguments(example)) / before)} left"
    except Exception as error:
        return f"fails: {one_line(error)[:80]}"


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(share_left(sys.argv[1]))
