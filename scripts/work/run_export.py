"""The command that writes the compact network of a run in formats that run without this project."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from torch import nn

from amc.artifacts import portable
from amc.artifacts.onnx_conversion import require_onnx
from amc.artifacts.policy import POLICY_FILE, Policy, load, read_policy
from amc.graph import Example
from amc.graph.input_spec import zero_inputs
from amc.networks.sources import load_network
from amc.utils.errors import UserError
from amc.utils.registry import look_up
from amc.utils.user_file import is_user_function
from scripts.command.finished_run import require_given
from scripts.options.export_arguments import Arguments

Export = Callable[[nn.Module, Example, Path], float]

ONNX: dict[str, Export] = {"compact.onnx": partial(portable.write_portable, portable.FORMATS["onnx"])}
PROGRAM: dict[str, Export] = {"compact.pt2": partial(portable.write_portable, portable.FORMATS["program"])}
FORMATS = {"onnx": ONNX, "program": PROGRAM, "both": ONNX | PROGRAM}
"""The file names, and the functions that write them, for each value of --format."""


def run_export(arguments: Arguments) -> None:
    """Load the compact network, write and check each file, and print its size and its difference from the network.

    Raises:
        UserError: An unknown format, a run that can't be read, or a file that differs from the network.
    """
    exports = look_up("format", arguments.format, FORMATS)
    if "compact.onnx" in exports:
        require_onnx()
    policy = read_policy(arguments.run_dir / POLICY_FILE)
    network = load(arguments.run_dir, _original(policy, arguments))
    for name, write in exports.items():
        path = arguments.run_dir / name
        difference = write(network, zero_inputs(policy.inputs), path)
        size = path.stat().st_size / 1000
        print(f"{path}: {size:,.0f} kB, differs by at most {difference:.1e} of the largest output")


def _original(policy: Policy, arguments: Arguments) -> nn.Module | None:
    """The network that was pruned where it is the user's own function; None where its name is enough."""
    asked = require_given(arguments.model or policy.model, "--model", given=arguments.model is not None)
    if is_user_function(policy.model):
        return load_network(asked, "none").model
    if asked != policy.model:
        raise UserError(f"{arguments.run_dir} holds a compact {policy.model}, got --model {asked}; leave it out")
    return None
