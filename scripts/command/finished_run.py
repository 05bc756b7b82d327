"""The arguments and the compact network of a finished run, for the commands that start from one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from agents.checkpoint import latest_checkpoint
from amc.artifacts.checked_json import Count, checked, read_object
from amc.artifacts.policy import POLICY_FILE, load, read_policy
from amc.artifacts.run_folder import SUMMARY_FILE
from amc.artifacts.snapshots import has_snapshot
from amc.networks.sources import Network
from amc.utils.errors import UserError
from amc.utils.user_file import is_user_function
from scripts.options.cli_arguments import options_of, replace_options
from scripts.options.network_and_images import AUTO, NetworkOptions

T = TypeVar("T")


@dataclass(frozen=True)
class RecordedArguments:
    """The arguments of a run that later commands take over; summaries of earlier versions lack those with a default."""

    model: str
    weights: str
    image_size: Count | tuple[Count, Count] | None
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    data: str
    calibration_images: Count | None
    reward_split: Count | None
    test_images: Count | None
    metric: str
    seed: Count
    class_order: str | None = None


@dataclass(frozen=True)
class _WithArguments:
    """The part that summaries have in common with checkpoints of searches."""

    arguments: RecordedArguments


def recorded_arguments(run_dir: Path, asked: NetworkOptions) -> dict[str, Any]:
    """The arguments, by name, of the run in `run_dir`, which has found a policy and may have been interrupted since.

    Raises:
        UserError: No such run, a damaged file, or another network than the one that is `asked` for.
    """
    model = read_policy(run_dir / POLICY_FILE).model
    if asked.model not in (AUTO, model) and not is_user_function(model):
        raise UserError(f"{run_dir} holds a compact {model}, got --model {asked.model}; leave it out")
    summary = run_dir / SUMMARY_FILE
    stopped = latest_checkpoint(run_dir)[0].run if not summary.exists() and has_snapshot(run_dir) else {}
    if "arguments" in stopped:
        found = checked(stopped, _WithArguments, f"the checkpoint in {run_dir}")
    else:
        found = checked(read_object(summary), _WithArguments, summary)
    return vars(found.arguments)


def arguments_without_weights(run_dir: Path, asked: NetworkOptions) -> dict[str, Any]:
    """The arguments of a run, with no weights of the original to load, since the compact network has its own.

    Raises:
        UserError: What `recorded_arguments` raises, or --weights is given.
    """
    if asked.weights != NetworkOptions.weights:
        raise UserError(f"the compact network in {run_dir} has weights of its own; leave --weights out")
    return recorded_arguments(run_dir, asked) | {"weights": "none"}


def fill_from_run(options: T, recorded: Mapping[str, Any]) -> T:
    """The options, filled in with what a run recorded, else with a search's defaults, wherever nothing was given.

    Raises:
        UserError: The run recorded a user's function, which has to be given again.
    """
    changes = {}
    for name, value, default in options_of(options):
        if value in (None, AUTO, "default"):
            if name == "data" and recorded.get(name) == "":
                raise UserError("the images of this run came from Python, and no name finds them; give --data")
            changes[name] = require_given(recorded.get(name, default), f"--{name}", given=False)
    return replace_options(options, changes)


def require_given(value: T, option: str, *, given: bool) -> T:
    """The value of an option, which must be `given` on the command line where it names a user's function.

    Raises:
        UserError: Only the file of a run names the function, which is not reason enough to import it.
    """
    if isinstance(value, str) and is_user_function(value) and not given:
        raise UserError(f"the run used {option} {value}, which is not imported from a run's files; give {option} again")
    return value


def compact_network(run_dir: Path, original: Network) -> nn.Module:
    """The compact network of a run on `original`, in evaluation mode.

    Raises:
        UserError: Files that are missing or damaged, or another original.
    """
    policy = read_policy(run_dir / POLICY_FILE)
    return load(run_dir, original.model if is_user_function(policy.model) else None)
