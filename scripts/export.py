"""The command that writes the compact network of a run in formats that run without this project."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
from scripts.command.cli import run
from scripts.options.network_and_images import require_given

Export = Callable[[nn.Module, Example, Path], float]

ONNX: dict[str, Export] = {"compact.onnx": partial(portable.write_portable, portable.FORMATS["onnx"])}
PROGRAM: dict[str, Export] = {"compact.pt2": partial(portable.write_portable, portable.FORMATS["program"])}
FORMATS = {"onnx": ONNX, "program": PROGRAM, "both": ONNX | PROGRAM}
"""The file names, and the functions that write them, for each value of --format."""


@dataclass(frozen=True)
class Arguments:
    """Write the compact network of a run as ONNX and as a torch.export program, into the folder of the run.

    Each file is read back and compared with the network before it gets its name.
    """

    run_dir: Path
    """Folder of a finished run."""
    format: str = "both"
    """What is written: onnx (compact.onnx), program (compact.pt2, for torch.export.load) or both."""
    model: str | None = None
    """Needed where the run was on a path/to/file.py:function: give it again, since a run's files import nothing."""


def export(arguments: Arguments) -> None:
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


def main() -> None:
    """Export the run that the command line names; the function behind the command."""
    run(export, Arguments)


if __name__ == "__main__":
    main()
