"""Latency tables of one device that is reached in several ways, compared: local and ssh to this machine, say.

The table of a network is built from nothing on each target in turn, several times over, and every time of a layer is
compared with that of the first target's first table.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from amc.latency.layer_latency import GRAIN
from amc.latency.measuring_device import Device
from amc.latency.onnx_slicing import Exporter
from amc.latency.table import LatencyTable
from amc.latency.target import LOCAL, parse_target
from amc.networks.sources import load_network
from amc.prunable_graph import prunable_graph
from amc.task_options import TaskOptions
from amc.utils.files import write_json
from benchmarks.runs import machine
from scripts.command.cli import run
from scripts.command.latency_connection import complete_table


@dataclass(frozen=True)
class Arguments:
    """Build the latency table of one network on several targets, and compare them."""

    targets: tuple[str, ...] = (LOCAL, LOCAL)
    """Targets that the table is built on, as for scripts.train."""
    model: str = "resnet56"
    """Network, as for scripts.train; its weights make no difference."""
    image_size: int = 32
    """Pixels of its images."""
    turns: int = 3
    """Number of times that each table is built."""
    out: Path = Path("runs/latency-targets.json")
    """File for the numbers."""


def latency_targets(arguments: Arguments) -> None:
    """Build the tables, compare them, and write and print the numbers."""
    torch.manual_seed(0)
    model = load_network(arguments.model, "none").model.eval()
    example = torch.zeros(1, 3, arguments.image_size, arguments.image_size)
    exporter = Exporter(model, prunable_graph(model, example, TaskOptions(round_to=GRAIN)), example)
    tables = [(target, _table(target, exporter)) for _ in range(arguments.turns) for target in arguments.targets]
    first = tables[0][1]
    rows = [{"target": target, **_compared(table, first)} for target, table in tables]
    write_json(arguments.out, {"model": arguments.model, "machine": machine(), "tables": rows})
    print(json.dumps(rows, indent=1))


def _table(target: str, exporter: Exporter) -> LatencyTable:
    with tempfile.TemporaryDirectory() as folder, Device(parse_target(target)) as device:
        return complete_table(Path(folder) / "table.json", device, exporter, quiet=True)


def _compared(table: LatencyTable, first: LatencyTable) -> dict[str, Any]:
    """The sum of the whole layers in ms, and quantiles of the distances between the tables, as shares."""
    ratio = np.array([each.milliseconds / first.layers[shape].milliseconds for shape, each in table.layers.items()])
    shares = np.array([(here, there) for here, there in _shares(table, first)])
    total = sum(each.milliseconds for each in table.layers.values())
    return {
        "milliseconds": total,
        "layer_ratios": [float(np.quantile(ratio, share)) for share in (0.0, 0.5, 1.0)],
        "points_off": _quantiles(np.abs(shares[:, 0] / shares[:, 1] - 1)),
        "points": len(shares),
    }


def _shares(table: LatencyTable, first: LatencyTable) -> Iterator[tuple[float, float]]:
    """The latencies of layers with fewer channels in both tables, as shares of the whole layer's."""
    for shape, times in table.layers.items():
        known = first.layers[shape].points
        yield from ((share, known[point]) for point, share in times.points.items() if point in known)


def _quantiles(distances: NDArray[np.float64]) -> list[float]:
    return [float(np.quantile(distances, share)) for share in (0.5, 0.95)]


def main() -> None:
    """Run as a command."""
    run(latency_targets, Arguments)


if __name__ == "__main__":
    main()
