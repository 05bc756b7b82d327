"""The command that scores an original or a compact network from its files."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from amc.artifacts.run_folder import recorded_weights
from amc.networks.sources import class_names_of
from amc.scoring.evaluation import SPLITS, evaluate
from amc.scoring.metrics import compares_outputs, find_metric
from amc.utils.device import find_device
from amc.utils.registry import look_up
from amc.utils.seeds import check_seed
from scripts.command.finished_run import arguments_without_weights, check_given, fill_from_run, recorded_arguments
from scripts.command.loading import check_inputs, load_images, load_original
from scripts.command.original import warn_near_chance
from scripts.options.cli_arguments import given_options
from scripts.options.evaluate_arguments import Arguments


def run_evaluate(arguments: Arguments) -> None:
    """Load the network and its images, then print score, costs and times per image.

    Raises:
        UserError: Arguments that do not fit each other or what they name.
    """
    look_up("split", arguments.split, SPLITS)
    if arguments.seed is not None:
        check_seed(arguments.seed)
    recorded = _recorded(arguments)
    check_given({name: recorded.get(name) for name in ("model", "data", "metric")}, given_options(arguments))
    metric = arguments.metric or recorded.get("metric", "top1")
    find_metric(metric)
    seed = recorded.get("seed", 0) if arguments.seed is None else arguments.seed
    device = find_device(arguments.device)

    torch.manual_seed(seed)  # of an original whose weights are random
    options = fill_from_run(arguments.network, recorded)
    network = load_original(options)
    if arguments.run_dir:
        network = replace(network, class_names=class_names_of(options.model, recorded_weights(arguments.run_dir)))
    output_kind = arguments.output_kind or recorded.get("output_kind")
    splits = load_images(
        fill_from_run(arguments.images, recorded), network, metric, output_kind, seed, device, progress=True
    )
    check_inputs(arguments.network, splits.calibration.example(1))
    evaluation = evaluate(
        arguments.run_dir or network,
        splits,
        metric,
        arguments.split,
        device=arguments.device,
        model=network.model,
        output_kind=output_kind,
    )
    if arguments.run_dir is None:
        warn_near_chance(evaluation.found, options)
    print(evaluation)


def _recorded(arguments: Arguments) -> dict[str, Any]:
    """What the run recorded; with the weights of the original where its outputs are compared."""
    run_dir = arguments.run_dir
    if run_dir is None:
        return {}
    recorded = recorded_arguments(run_dir, arguments.network)
    if compares_outputs(arguments.metric or recorded["metric"]):
        return recorded
    return arguments_without_weights(run_dir, arguments.network)
