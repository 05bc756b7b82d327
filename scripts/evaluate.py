"""Score an original or a compact network from its files."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import nn

from amc.cost import COSTS
from amc.device import find_device
from amc.entries import entry, integer, list_of, number, object_of, optional, read_object, text
from amc.errors import UserError
from amc.evaluate import METRICS, check_runs, find_metric, moved, moved_inputs
from amc.graph import unchecked
from amc.graph.inputs import Example, batch_size, feed, tensors
from amc.inference import for_inference
from amc.networks import Network
from amc.policy import POLICY_FILE, load, read_policy
from amc.text import nearest
from amc.userfile import is_user_function
from scripts.cli import run
from scripts.options import DataOptions, NetworkOptions, check_seed, not_imported
from scripts.run_folder import SUMMARY_FILE
from scripts.table import percent

SPLITS = ("reward", "test")
BATCH = 250
TIMED_SECONDS = 1.0
AUTO = "auto"
RECORDED: dict[str, Callable[[Any], Any]] = {
    "model": text,
    "image_size": optional(integer),
    "mean": optional(list_of(number)),
    "std": optional(list_of(number)),
    "data": text,
    "calibration_images": optional(integer),
    "reward_split": optional(integer),
    "test_images": optional(integer),
    "metric": text,
    "seed": integer,
}
"""Arguments of a search that are taken over from its summary."""

Options = TypeVar("Options", NetworkOptions, DataOptions)


@dataclass(frozen=True)
class Arguments:
    """Print accuracy, MACs, parameters and time per image of a network.

    With --run-dir: of the compact network of that run, on the data of that run unless other data is given. Without: of
    an original network, by default the packaged one on digits (auto).
    """

    network: tyro.conf.OmitArgPrefixes[NetworkOptions] = field(default_factory=lambda: NetworkOptions(model=AUTO))
    images: tyro.conf.OmitArgPrefixes[DataOptions] = field(default_factory=lambda: DataOptions(data=AUTO))
    run_dir: Path | None = None
    """Folder of a finished run, whose compact network is scored."""
    split: str = "test"
    """Images that are scored: test or reward."""
    metric: str | None = None
    """How a network is scored: top1, top5 or path/to/file.py:function; default: as in the run, else top1."""
    seed: int | None = None
    """Seed of the splits; default: that of the run, else 0."""
    device: str = "auto"
    """Where the network runs: cpu, cuda, or auto for a GPU if there is one."""


def evaluate(arguments: Arguments) -> None:
    """Load, count, score, time, print."""
    if arguments.split not in SPLITS:
        raise UserError(f"unknown split {arguments.split!r}; {nearest(arguments.split, SPLITS)}")
    if arguments.seed is not None:
        check_seed(arguments.seed)
    recorded = _recorded(arguments.run_dir, arguments.network) if arguments.run_dir else {}
    metric_name = arguments.metric or recorded.get("metric", "top1")
    metric = find_metric(not_imported(metric_name, "--metric", given=arguments.metric is not None))
    seed = recorded.get("seed", 0) if arguments.seed is None else arguments.seed
    device = find_device(arguments.device)

    network = _filled(arguments.network, recorded).load()
    splits = _filled(arguments.images, recorded).load(network, metric_name, seed, progress=True)
    model = (_compact(arguments.run_dir, network) if arguments.run_dir else network.model).to(device)
    images = splits.test if arguments.split == "test" else splits.reward
    arguments.network.check_inputs(images.example(1))
    example = moved_inputs(images.example(1), device)
    check_runs(model, example)
    graph = unchecked(model, example)
    fast = for_inference(model, graph)
    score = metric(fast, moved(images.batches(BATCH), device))

    table = Table("", arguments.run_dir.resolve().name if arguments.run_dir else network.name)
    shown = percent(score) if metric_name in METRICS else f"{score:.4f}"
    table.add_row(f"{metric_name} on {len(images):,} {arguments.split} images", shown)
    for kind, make in COSTS.items():
        table.add_row(kind, f"{make(graph)(graph.full):,}")
    for size in (1, min(64, len(images))):
        batch = moved_inputs(images.example(size), device)
        table.add_row(
            f"time per image, {batch_size(batch)} at once on {device}", f"{_milliseconds(fast, batch):.3f} ms"
        )
    Console().print(table)


def _compact(run_dir: Path, network: Network) -> nn.Module:
    policy = read_policy(run_dir / POLICY_FILE)
    return load(run_dir, network.model if is_user_function(policy.model) else None)


def _recorded(run_dir: Path, asked: NetworkOptions) -> dict[str, Any]:
    """The arguments of a finished run; the network's weights are in its folder, so none are loaded."""
    model = read_policy(run_dir / POLICY_FILE).model
    if asked.model not in (AUTO, model) and not is_user_function(model):
        raise UserError(f"{run_dir} holds a compact {model}, got --model {asked.model}; leave it out")
    if asked.weights != NetworkOptions.weights:
        raise UserError(f"the compact network in {run_dir} has weights of its own; leave --weights out")
    summary = run_dir / SUMMARY_FILE
    content = read_object(summary)
    try:
        arguments = entry(content, "arguments", object_of(lambda value: value))
        recorded = {name: entry(arguments, name, read) for name, read in RECORDED.items()}
    except ValueError as error:
        raise UserError(f"{summary} is damaged: {error}") from error
    return recorded | {"weights": "none"}


def _filled(options: Options, recorded: Mapping[str, Any]) -> Options:
    """The options with what a run recorded, else a search's defaults, wherever nothing was given."""
    changes: dict[str, Any] = {}
    for option in dataclasses.fields(options):
        if getattr(options, option.name) not in (None, AUTO, "default"):
            continue
        value = recorded.get(option.name, option.default)
        changes[option.name] = not_imported(value, f"--{option.name}", given=False)
    return dataclasses.replace(options, **changes)


def _milliseconds(network: nn.Module, batch: Example) -> float:
    """Median time per image, in ms."""
    times: list[float] = []
    device = tensors(batch)[0].device
    begin = time.perf_counter()
    with torch.inference_mode():
        feed(network, batch)
        while len(times) < 5 or time.perf_counter() - begin < TIMED_SECONDS:
            start = time.perf_counter()
            feed(network, batch)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times) / batch_size(batch)


def main() -> None:
    """Run as a command."""
    run(evaluate, Arguments)


if __name__ == "__main__":
    main()
