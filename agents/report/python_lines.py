"""Lines of Python that go on from a run folder, where no command can: only Python has the network or the images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amc.artifacts.lasting_options import absolute
from amc.networks.sources import has_name


def python_lines(folder: Path, arguments: Mapping[str, Any]) -> dict[str, str]:
    """The lines that evaluate, tune, export and measure the results of a run, by the name of the command they replace.

    `model` stands for the original network and `data` for the images, which the reader has.

    Args:
        folder: The run folder.
        arguments: The options of the run by name.
    """
    run, name = repr(str(absolute(folder))), arguments.get("model")
    is_own = not (isinstance(name, str) and has_name(name))
    model = ", model=model" if is_own else ""
    network = f"amc.load({run}{model})"
    return {
        "evaluate": f"amc.evaluate({run}, data{model})",
        "finetune": f"amc.finetune({run}, data{model})",
        "export": f"amc.export({run}{model})",
        "latency": f"amc.measure_latency({network}, data)",
    }


def report_line(folder: Path) -> str:
    """The line that writes the report of a run again."""
    return f"amc.report({str(absolute(folder))!r})"
