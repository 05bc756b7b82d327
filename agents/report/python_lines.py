"""Lines of Python that go on from a run folder, where no command can: only Python has the network or the images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amc.artifacts.lasting_options import absolute
from amc.networks.sources import has_name
from amc.scoring.metrics import METRICS, compares_outputs


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
        "evaluate": f"amc.evaluate({run}, data{_metric(arguments)}{model})",
        "finetune": f"amc.finetune({run}, data{model})",
        "export": f"amc.export({run}{model})",
        "latency": f"amc.measure_latency({network}, data)",
    }


def _metric(arguments: Mapping[str, Any]) -> str:
    """The arguments that score as the run did, where its metric has a name."""
    metric, kind = arguments.get("metric"), arguments.get("output_kind")
    if metric not in METRICS or metric == "top1":
        return ""
    return f", {metric!r}" + (f", output_kind={kind!r}" if kind and compares_outputs(metric) else "")


def report_line(folder: Path) -> str:
    """The line that writes the report of a run again."""
    return f"amc.report({str(absolute(folder))!r})"
