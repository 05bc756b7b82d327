"""The command that measures how long a network takes, here or on another machine."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.command.cli import run
from scripts.command.signals import imports
from scripts.options.latency_arguments import Arguments

__all__ = ["Arguments", "main", "measure_latency"]


def measure_latency(arguments: Arguments) -> None:
    """Load the network, measure it and print its latency in ms.

    Raises:
        UserError: Arguments that do not fit each other, or a device that can't be reached.
    """
    with imports():
        from scripts.work.run_latency import run_latency
    run_latency(arguments)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure the network that the command line names; the function behind the command."""
    run(measure_latency, Arguments, argv, "latency")


if __name__ == "__main__":
    main()
