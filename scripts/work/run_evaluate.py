"""The command that scores an original or a compact network from its files."""

from __future__ import annotations

import statistics
import time

import torch
from torch import nn

from agents.report import number_format
from agents.report.terminal.column_widths import Column
from agents.report.terminal.text_table import print_table
from amc.cost.costs import COSTS, format_cost
from amc.graph import trace_graph
from amc.graph.inputs import Example, batch_size, feed, tensors
from amc.pruning.inference_form import for_inference
from amc.scoring.checked_score import checked_score
from amc.scoring.metrics import check_runs, find_metric, moved_inputs
from amc.utils.device import find_device
from amc.utils.errors import UserError
from amc.utils.seeds import check_seed
from amc.utils.text import did_you_mean
from scripts.command.finished_run import arguments_without_weights, compact_network, fill_from_run, require_given
from scripts.command.loading import check_inputs, load_images, load_original
from scripts.command.original import warn_near_chance
from scripts.options.evaluate_arguments import Arguments

SPLITS = ("reward", "test")
BATCH = 250
TIMED_SECONDS = 1.0


def run_evaluate(arguments: Arguments) -> None:
    """Load the network and its images, then print score, costs and times per image.

    Raises:
        UserError: Arguments that do not fit each other or what they name.
    """
    if arguments.split not in SPLITS:
        raise UserError(f"unknown split {arguments.split!r}; {did_you_mean(arguments.split, SPLITS)}")
    if arguments.seed is not None:
        check_seed(arguments.seed)
    recorded = arguments_without_weights(arguments.run_dir, arguments.network) if arguments.run_dir else {}
    metric_name = arguments.metric or recorded.get("metric", "top1")
    find_metric(require_given(metric_name, "--metric", given=arguments.metric is not None))
    seed = recorded.get("seed", 0) if arguments.seed is None else arguments.seed
    device = find_device(arguments.device)

    options = fill_from_run(arguments.network, recorded)
    network = load_original(options)
    splits = load_images(fill_from_run(arguments.images, recorded), network, metric_name, seed, progress=True)
    model = (compact_network(arguments.run_dir, network) if arguments.run_dir else network.model).to(device)
    images = splits.test if arguments.split == "test" else splits.reward
    check_inputs(arguments.network, images.example(1))
    example = moved_inputs(images.example(1), device)
    check_runs(model, example)
    graph = trace_graph(model, example)
    fast = for_inference(model, graph)
    score = checked_score(fast, images, metric_name, BATCH, device)
    if arguments.run_dir is None:
        warn_near_chance(score, options)
    rows = [
        (f"{metric_name} on {len(images):,} {arguments.split} images", number_format.score(metric_name, score.value))
    ]
    for kind, make in COSTS.items():
        rows.append((kind, format_cost(kind, make(graph)(graph.full))))
    for size in (1, min(64, len(images))):
        batch = moved_inputs(images.example(size), device)
        rows.append(
            (f"time per image, {batch_size(batch)} at once on {device}", f"{_milliseconds(fast, batch):.3f} ms")
        )
    name = arguments.run_dir.resolve().name if arguments.run_dir else network.name
    print_table([Column("", is_text=True), Column(name)], rows)


def _milliseconds(network: nn.Module, batch: Example) -> float:
    """The median time per image in ms, over at least five runs and one second."""
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
