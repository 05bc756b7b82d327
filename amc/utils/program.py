"""How this process was started, so that the commands it prints are typed in the same way."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

COMMAND = "amc"
"""The installed command."""
MODULE = ("python", "-m", COMMAND)
"""The command by its module, which works wherever the package can be imported."""


def installed_name() -> str | None:
    """The name by which an installed command of this package was started, such as `amc` or `amc-train`; else None."""
    name = Path(sys.argv[0]).name.removesuffix(".exe") if sys.argv else ""
    return name if name == COMMAND or name.startswith(f"{COMMAND}-") else None


def started_module() -> str | None:
    """The module that Python was started with by `-m`; None where it was started in another way."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec.name.removesuffix(".__main__") if spec is not None else None


def command_words(command: str) -> tuple[str, ...]:
    """The words that run a command of this package in the way that is sure to work for whoever started this process."""
    return (COMMAND, command) if installed_name() else (*MODULE, command)


def words_for(options: Mapping[str, str]) -> list[str]:
    """The words that give these options on a command line."""
    return [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]


def typed_name(command: str) -> str:
    """A command as it was typed, for its help: `amc train`, `amc-train`, `python -m scripts.train`, ..."""
    name, module = installed_name(), started_module()
    if name is not None:
        return f"{name} {command}" if name == COMMAND else name
    if module is not None and module.partition(".")[0] in ("scripts", "benchmarks"):
        return f"python -m {module}"
    return " ".join((*MODULE, command))
