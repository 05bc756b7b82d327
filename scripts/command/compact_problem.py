"""The compact network of a finished run with its original and its images, for the commands that train it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import torch

from agents.tuning.tuning_problem import TuningProblem
from amc.artifacts.policy import POLICY_FILE, read_policy
from amc.utils.device import find_device
from scripts.command.finished_run import check_given, compact_network, fill_from_run, recorded_arguments
from scripts.command.loading import check_inputs, load_images, load_original
from scripts.options.cli_arguments import flat_options, given_options
from scripts.options.network_and_images import DataOptions, NetworkOptions


class Asked(Protocol):
    """The options of a command that works on the compact network of a run."""

    @property
    def network(self) -> NetworkOptions:
        """The original network."""

    @property
    def images(self) -> DataOptions:
        """The images."""

    @property
    def metric(self) -> str | None:
        """How networks are scored."""

    @property
    def output_kind(self) -> str | None:
        """What the network's outputs are."""

    @property
    def device(self) -> str:
        """The device that networks run on."""

    @property
    def quiet(self) -> bool:
        """Whether nothing is printed."""


def compact_problem(run_dir: Path, arguments: Asked) -> tuple[TuningProblem, NetworkOptions, dict[str, Any]]:
    """The compact network of a run with its original and its images.

    Returns:
        The problem, the options of the original, and all options that the run gave.

    Raises:
        UserError: No such run, or what was asked for does not fit it.
    """
    recorded = recorded_arguments(run_dir, arguments.network)
    check_given({name: recorded[name] for name in ("model", "data", "metric")}, given_options(arguments))
    metric = arguments.metric or recorded["metric"]
    seed = recorded["seed"]
    torch.manual_seed(seed)
    network_options, data_options = (
        fill_from_run(arguments.network, recorded),
        fill_from_run(arguments.images, recorded),
    )
    network = load_original(network_options, quiet=arguments.quiet)
    device, output_kind = find_device(arguments.device), arguments.output_kind or recorded["output_kind"]
    splits = load_images(data_options, network, metric, output_kind, seed, device, progress=not arguments.quiet)
    check_inputs(network_options, splits.calibration.example(1))
    problem = TuningProblem(
        original=network.model,
        pruned=compact_network(run_dir, network),
        policy=read_policy(run_dir / POLICY_FILE),
        splits=splits,
        metric=metric,
        seed=seed,
        device=device,
        source=str(run_dir),
        output_kind=output_kind,
    )
    taken_over = flat_options(network_options) | flat_options(data_options)
    taken_over |= {"metric": metric, "output_kind": output_kind, "seed": seed}
    return problem, network_options, taken_over
