"""The error of predicted latency, the time of its table, and whether a budget in ms is met: docs/latency.md.

Networks have random weights, which make no difference to the time, and run in ONNX Runtime, one thread, one image. A
network that is in the JSON file already is not measured again. `--help` shows the options.
"""

from __future__ import annotations

import json
import math
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from amc.cost.budget import Budgets
from amc.cost.costs import LATENCY
from amc.graph import KeptCounts
from amc.latency.latency_fit import MeasuredNetwork, relative_errors
from amc.latency.latency_model import LatencyModel
from amc.latency.layer_latency import GRAIN
from amc.latency.measuring_device import Device
from amc.latency.onnx_slicing import Exporter
from amc.latency.random_kept_counts import random_kept_counts
from amc.latency.target import LOCAL, parse_target
from amc.networks.sources import load_network
from amc.prunable_graph import prunable_graph
from amc.pruning.slicing import choose_units
from amc.task_options import TaskOptions
from amc.utils.errors import UserError
from amc.utils.files import write_text
from benchmarks.latency_page import Row, document
from scripts.command.cli import run
from scripts.command.latency_connection import complete_table

SIZES = {"resnet56": 32, "mobilenet_v1": 224, "torchvision:resnet50": 224}
"""The size of the images in pixels, by network."""
HELD_OUT = 40
"""The number of random compact networks that the prediction is tried on."""
PROCESSES = 10
"""The number of processes that one ratio is measured in."""
SHARE = 0.5
"""The budget that a policy from the table alone has to meet."""
MET = 0.02
"""The largest distance of the network's latency from that budget, relative to it."""
TRIES = 5
"""The number of networks that are tried for a budget, at the most."""


@dataclass(frozen=True)
class Arguments:
    """Build the latency table of each network, calibrate it, and compare it with networks measured end to end."""

    networks: tuple[str, ...] = tuple(SIZES)
    """Networks."""
    out: Path = Path("runs/latency.json")
    """The rows; networks that it has already are left out."""
    page: Path = Path("docs/latency.md")
    """The table of all rows."""
    target: str = LOCAL
    """Target that is measured on, as for scripts.train."""


def latency(arguments: Arguments) -> None:
    """Make the rows that are missing, and write the page of all.

    Raises:
        UserError: A network is unknown.
    """
    rows: dict[str, Row] = {}
    if arguments.out.exists():
        rows = {row["name"]: row for row in json.loads(arguments.out.read_text(encoding="utf-8"))}
    for name in arguments.networks:
        if name not in SIZES:
            raise UserError(f"unknown network {name!r}; there are {', '.join(SIZES)}")
        if name not in rows:
            rows[name] = _row(name, arguments.target)
            print(json.dumps(rows[name]), flush=True)
            write_text(arguments.out, json.dumps(list(rows.values()), indent=1))
    write_text(arguments.page, document([rows[name] for name in SIZES if name in rows]))


def _row(name: str, target: str) -> Row:
    torch.manual_seed(0)
    model = load_network(name, "none").model.eval()
    example = torch.zeros(1, 3, SIZES[name], SIZES[name])
    graph = prunable_graph(model, example, TaskOptions(round_to=GRAIN))
    exporter = Exporter(model, graph, example)
    with tempfile.TemporaryDirectory() as folder, Device(parse_target(target)) as device:
        start = time.perf_counter()
        table = complete_table(Path(folder) / "table.json", device, exporter, quiet=False)
        table_seconds = time.perf_counter() - start
        latency_model = LatencyModel(device, exporter, table)
        latency_model.calibrate(seed=0)
        calibration_seconds = time.perf_counter() - start - table_seconds
        row: dict[str, Any] = {
            "name": name,
            "size": SIZES[name],
            "fingerprint": device.fingerprint,
            "original_ms": latency_model.original,
            "can_slice": exporter.can_slice,
            "points": table.points,
            "table_seconds": table_seconds,
            "calibration_seconds": calibration_seconds,
        }
        row |= _errors(latency_model) | _budget(latency_model)
        kept_counts = np.array(row["keeps"])
    row["ratios"] = _in_processes(exporter, kept_counts, target)
    return row


def _errors(latency_model: LatencyModel) -> Row:
    """The errors of the calibrated prediction on random compact networks that it has not seen."""
    graph = latency_model.exporter.graph
    networks = random_kept_counts(graph, HELD_OUT, seed=1)
    measured = latency_model.measure_all(networks)
    held_out = [
        MeasuredNetwork(kept_counts, ms / latency_model.original)
        for kept_counts, ms in zip(networks, measured, strict=True)
    ]
    errors = relative_errors(latency_model.cost(graph), latency_model.original, held_out)
    return {"median_error": float(np.median(errors)), "error_95": float(np.quantile(errors, 0.95))}


def _budget(latency_model: LatencyModel) -> Row:
    """The uniform policy at a latency budget: chosen by the table, measured, tightened or loosened."""
    graph = latency_model.exporter.graph
    least = latency_model.measure(graph.least) / latency_model.original
    asked = SHARE if least < SHARE else (1 + least) / 2
    latency_model.focus(asked * latency_model.original, seed=2)
    most, tries, share = asked * latency_model.original, 0, math.inf
    kept_counts: KeptCounts = graph.full
    while abs(share / asked - 1) > MET and tries < TRIES:
        budgets = Budgets(graph, [f"{LATENCY}={most:.9f}ms"], costs=latency_model.costs)
        kept_counts = budgets.uniform
        share = latency_model.measure(kept_counts) / latency_model.original
        most *= asked / share
        tries += 1
    return {"least_share": least, "asked": asked, "share": share, "tries": tries, "keeps": kept_counts.tolist()}


def _in_processes(exporter: Exporter, kept_counts: KeptCounts, target: str) -> list[float]:
    """The ratio of a compact network to the original, each in a process of its own there."""
    graph = exporter.graph
    models = [exporter.original, exporter.compact(choose_units(graph, np.zeros(graph.unit_count), kept_counts))]
    ratios = []
    for _ in range(PROCESSES):
        with Device(parse_target(target)) as device:
            ratios.append(device.measure(models).ratios[1].value)
    return sorted(ratios)


def main() -> None:
    """Run as a command."""
    run(latency, Arguments)


if __name__ == "__main__":
    main()
