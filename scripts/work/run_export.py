"""The command that writes the compact network of a run in formats that run without this project."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from amc.artifacts.exports import export
from amc.artifacts.policy import POLICY_FILE, read_policy
from amc.networks.sources import has_name, load_network
from amc.utils.errors import UserError
from amc.utils.progress_bar import progress_bar
from scripts.command.finished_run import check_findable, check_given, recorded_model
from scripts.options.export_arguments import Arguments


def run_export(arguments: Arguments) -> None:
    """Load the compact network, write and check each file, and print its size and its difference from the network.

    Raises:
        UserError: An unknown format, a run that can't be read, or a file that differs from the network.
    """
    original = _original(arguments.run_dir, arguments.model)
    with progress_bar("exporting: each file is written, read back and compared"):
        exports = export(arguments.run_dir, format=arguments.format, model=original)
    print(*exports.files, exports.how_to_run, sep="\n")


def _original(run_dir: Path, asked: str | None) -> nn.Module | None:
    """The network that was pruned where it is the user's own; None where its name is enough."""
    model = read_policy(run_dir / POLICY_FILE).model
    if asked is None:
        check_given({"model": recorded_model(run_dir)}, ())
    given = asked or model
    if not has_name(model):
        check_findable(given)
        return load_network(given, "none").model
    if given != model:
        raise UserError(f"{run_dir} holds a compact {model}, got --model {given}; leave it out")
    return None
