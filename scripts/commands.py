"""The command `amc`: the eleven commands behind one name."""

from __future__ import annotations

import difflib
import sys
from importlib import import_module

from amc import __version__
from amc.utils.program import MODULE, installed_name
from scripts.command.cli import refuse

COMMANDS = {
    "describe": ("scripts.describe", "show what of a network can be pruned, and what it costs"),
    "train": ("scripts.train", "search for the policy that keeps the most accuracy within a budget"),
    "compare": ("scripts.compare", "compare strategies at several budgets with several seeds"),
    "apply": ("scripts.apply", "prune a network by what was learned on another"),
    "finetune": ("scripts.finetune", "train the compact network of a run further"),
    "recover": ("scripts.recover", "give the compact network of a run new weights, without labels"),
    "evaluate": ("scripts.evaluate", "score a network, original or compact"),
    "export": ("scripts.export", "write the compact network as ONNX and as a torch.export program"),
    "latency": ("scripts.measure_latency", "measure how long a network takes, here or on another machine"),
    "report": ("scripts.report", "write a run as one HTML page, or compare several"),
    "pretrain": ("scripts.pretrain", "train a network, so that there is something to prune"),
}
"""The module of each command, and what it does."""
MEANT = {"search": "train", "prune": "train", "tune": "finetune", "test": "evaluate", "measure": "latency"}
"""Words that people try, and the commands that they mean."""
PAGE = """\
usage: {name} COMMAND [options]

Makes a trained vision network smaller: an agent learns how much of each layer
to prune, within a budget.

From a network to an exported file:
  {name} describe --model net.py:build --image-size 64
  {name} train --model net.py:build --image-size 64 --data imagefolder:photos
  {name} finetune RUN --model net.py:build
  {name} evaluate RUN-tuned --model net.py:build
  {name} export RUN-tuned --model net.py:build
RUN is the folder that train names at its end, with the commands to go on.

commands:
{commands}

{name} COMMAND --help shows the options that everyone needs, and --help-all the
others. {name} --version shows the version.
"""


def main() -> None:
    """Run the command that the command line names; the function behind `amc`."""
    command, *words = sys.argv[1:] or ["--help"]
    if command in ("-h", "--help"):
        print(page(), end="")
    elif command == "--version":
        print(__version__)
    elif command in COMMANDS:
        import_module(COMMANDS[command][0]).main(words)
    else:
        similar = [MEANT[command]] if command in MEANT else difflib.get_close_matches(command, COMMANDS, n=1)
        meant = f"did you mean {similar[0]}?" if similar else f"there are {', '.join(COMMANDS)}"
        refuse(f"unknown command {command!r}; {meant}")


def page() -> str:
    """The help of `amc`: the way from a network to an exported file, and the commands."""
    commands = "\n".join(f"  {name:<10}{what}" for name, (_, what) in COMMANDS.items())
    return PAGE.format(name=installed_name() or " ".join(MODULE), commands=commands)
