"""A search on latency against one on MACs whose network takes as long: the table of docs/latency-found.md.

For each seed a search within a share of the original's latency, then searches within a share of its MACs, which is
moved until their network takes as long as the first one. Every ratio is measured in a process of its own, with the
original in turn. Runs that are in `--out` are not made again, so it can be interrupted.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from torch import nn

import amc
from amc.artifacts.onnx_conversion import unoptimised_onnx
from amc.artifacts.policy import POLICY_FILE, read_policy
from amc.graph.input_spec import zero_inputs
from amc.latency.measuring_device import Device
from amc.latency.target import LOCAL, parse_target
from amc.networks.sources import load_network
from amc.utils.files import write_text
from benchmarks.runs import finished, machine, percent
from scripts.command.cli import run

NEAR = 0.02
"""The largest difference of the two latencies, as a share of the original's."""
TRIES = 3
"""The number of searches on MACs for a seed, at the most."""
FIRST = 8 / 9
"""The first budget of MACs, relative to the MACs that the search on latency left: the other search does not know which
widths are fast."""
LEAST_SLOPE = 0.2
"""The least change of the latency with the MACs, both as shares, that is believed."""
PRECISION = 0.003
"""The wanted spread of a measured ratio."""
SECONDS = 60.0
"""The seconds that a ratio is measured, at the most."""

HEAD = """# What a search on latency finds

`python -m benchmarks.latency_search --weights W56 --data imagefolder:DIR` writes this file.
For each seed there is a search with `--budget latency={share}`, and one with a budget of MACs whose network takes as
long, or up to 2 % of the original's time more. *latency*: of the compact network, as a share of the original's,
measured in turn in a process of its own after the search; *val* and *test*: accuracy without fine-tuning.

"""


@dataclass(frozen=True)
class Arguments:
    """Search within a latency and within MACs, and compare the accuracy of networks that take as long."""

    weights: str
    """A weights file for the network."""
    data: str
    """Images, as for scripts.train."""
    model: str = "resnet56"
    """Network, as for scripts.train."""
    image_size: int = 32
    """Pixels of the images."""
    share: float = 0.7
    """Share of the original's latency that may be left."""
    episodes: int = 400
    """Policies that each search scores."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds, with two searches for each, or more."""
    out: Path = Path("runs/latency-search")
    """Folder for the runs."""
    page: Path = Path("docs/latency-found.md")
    """File for the table."""


def latency_search(arguments: Arguments) -> None:
    """Make the runs that are missing, measure their networks, and write the page of the seeds so far."""
    rows = []
    for seed in arguments.seeds:
        on_latency = _found(arguments, seed, f"latency={arguments.share}")
        print(json.dumps(on_latency), flush=True)
        rows.append((on_latency, _as_fast(arguments, seed, on_latency)))
        write_text(arguments.page, HEAD.format(share=arguments.share) + _table(rows))


def _as_fast(arguments: Arguments, seed: int, wanted: dict[str, Any]) -> dict[str, Any]:
    """The result of a search on MACs whose network takes about as long as the wanted one."""
    share, tried = FIRST * wanted["macs"], []
    for _ in range(TRIES):
        tried.append(_found(arguments, seed, f"macs={share:.3f}"))
        print(json.dumps(tried[-1]), flush=True)
        off = wanted["latency"] - tried[-1]["latency"]
        if abs(off) <= NEAR:
            break
        slope = (1 - tried[-1]["latency"]) / (1 - tried[-1]["macs"])  # of the line to the original
        share = min(share + off / max(slope, LEAST_SLOPE), 1.0)
    return min(tried, key=lambda each: abs(each["latency"] - wanted["latency"]))


def _found(arguments: Arguments, seed: int, budget: str) -> dict[str, Any]:
    folder = arguments.out / f"{budget.replace('=', '-')}-seed-{seed}"
    options = {
        "model": arguments.model,
        "weights": arguments.weights,
        "data": arguments.data,
        "image-size": arguments.image_size,
        "budget": budget,
        "episodes": arguments.episodes,
        "seed": seed,
    }
    summary = finished("train", folder, options)
    return {
        "seed": seed,
        "budget": budget,
        "latency": _ratio(arguments, folder),
        "macs": summary["macs_after"] / summary["macs_before"],
        "val": summary["policy_accuracy"],
        "test": summary["test_accuracy_policy"],
        "seconds": summary["search_seconds"],
    }


def _ratio(arguments: Arguments, folder: Path) -> float:
    """The latency of a run's network as a share of the original's, measured once."""
    path = folder / "ratio.json"
    if not path.exists():
        networks: list[nn.Module] = [load_network(arguments.model, arguments.weights).model, amc.load(folder)]
        example = zero_inputs(read_policy(folder / POLICY_FILE).inputs)
        with Device(parse_target(LOCAL)) as device:
            models = [unoptimised_onnx(network, example).SerializeToString() for network in networks]
            timing = device.measure(models, PRECISION, SECONDS)
        write_text(path, json.dumps(timing.ratios[1].value))
    ratio: float = json.loads(path.read_text(encoding="utf-8"))
    return ratio


def _table(rows: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> str:
    """A table with a line for each search, and the mean gain in accuracy of the first of each pair."""
    lines = ["| seed | budget | latency | MACs | val | test | search |", "|---|---|---|---|---|---|---|"]
    for row in (each for pair in rows for each in pair):
        shares = [percent(row[key]) for key in ("latency", "macs", "val", "test")]
        cells = [str(row["seed"]), f"`{row['budget']}`", *shares, f"{row['seconds']:.0f} s"]
        lines.append(f"| {' | '.join(cells)} |")
    lines.append("")
    for split in ("val", "test"):
        gains = [100 * (one[split] - other[split]) for one, other in rows]
        error = f" ± {stdev(gains) / len(gains) ** 0.5:.2f} (standard error)" if len(gains) > 1 else ""
        lines.append(f"Searched on latency, `{split}` is {mean(gains):+.2f}{error} points.")
    return "\n".join([*lines, "", f"Machine: {machine()}, ONNX Runtime, one thread, one image.", ""])


def main() -> None:
    """Run as a command."""
    run(latency_search, Arguments)


if __name__ == "__main__":
    main()
