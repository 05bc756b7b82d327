"""How a search was asked for, as its files tell it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PYTHON = "python"
"""The program of a search that no command began."""


@dataclass(frozen=True)
class Invocation:
    """How a search was asked for.

    Attributes:
        model: The name of the network, as `amc.load_network` takes it.
        strategy: The name of the strategy.
        program: The command that began it, `train` or `apply`.
        words: The words of its command line.
        arguments: All of its options by name, as later commands read them.
    """

    model: str
    strategy: str
    program: str = PYTHON
    words: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
