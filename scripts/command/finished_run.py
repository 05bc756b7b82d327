"""The arguments and the compact network of a finished run, for the commands that start from one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from agents.recorded_arguments import read_recorded_arguments
from amc.artifacts.policy import POLICY_FILE, load, read_policy
from amc.artifacts.run_folder import SUMMARY_FILE
from amc.networks.sources import Network, has_name
from amc.utils.errors import FunctionsNotGivenError, UserError
from amc.utils.user_file import FORM, is_user_function
from scripts.options.cli_arguments import options_of, replace_options
from scripts.options.network_and_images import AUTO, NetworkOptions

T = TypeVar("T")


def recorded_arguments(run_dir: Path, asked: NetworkOptions) -> dict[str, Any]:
    """The arguments, by name, of the run in `run_dir`, which has found a policy and may have been interrupted since.

    Raises:
        UserError: No such run, a damaged file, or another network than the one that is `asked` for.
    """
    model = read_policy(run_dir / POLICY_FILE).model
    if asked.model not in (AUTO, model) and has_name(model):
        raise UserError(f"{run_dir} holds a compact {model}, got --model {asked.model}; leave it out")
    return read_recorded_arguments(run_dir)


def recorded_model(run_dir: Path) -> str:
    """The network of the run in `run_dir`, with an absolute path where it is a user's function that a summary names."""
    policy = read_policy(run_dir / POLICY_FILE)
    return str(read_recorded_arguments(run_dir)["model"]) if (run_dir / SUMMARY_FILE).exists() else policy.model


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
        UserError: The run was begun from Python on images that have no name.
    """
    changes = {}
    for name, value, default in options_of(options):
        if value in (None, AUTO, "default"):
            if name == "data" and recorded.get(name) == "":
                raise UserError("the images of this run came from Python, and no name finds them; give --data")
            found = recorded.get(name, default)
            if name == "model":
                check_findable(found)
            changes[name] = found
    return replace_options(options, changes)


def check_findable(model: str) -> None:
    """Raise a UserError for the name of a network that was given in Python, by which it can't be found again."""
    if not has_name(model) and not is_user_function(model):
        raise UserError(f"the network of this run came from Python, {model}, and no name finds it; give --model {FORM}")


def check_given(recorded: Mapping[str, Any], given: Iterable[str]) -> None:
    """Check that each of the user's functions among recorded options is `given` anew, by the name of its option.

    Raises:
        FunctionsNotGivenError: Only the file of a run names one, which is not reason enough to import it.
    """
    functions = {name: value for name, value in recorded.items() if isinstance(value, str) and is_user_function(value)}
    if missing := {name: value for name, value in functions.items() if name not in given}:
        raise FunctionsNotGivenError(missing)


def compact_network(run_dir: Path, original: Network) -> nn.Module:
    """The compact network of a run on `original`, in evaluation mode.

    Raises:
        UserError: Files that are missing or damaged, or another original.
    """
    policy = read_policy(run_dir / POLICY_FILE)
    return load(run_dir, None if has_name(policy.model) else original.model)
