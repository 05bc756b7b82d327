"""The description of machine and runtime that a latency depends on besides the network.

It needs the standard library alone: it also runs on devices, by Python 3.8 and later.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any


def fingerprint(runtime: str, threads: int) -> dict[str, Any]:
    """A description of this machine, for JSON.

    Args:
        runtime: Name and version of what runs networks, such as `onnxruntime 1.22.0`.
        threads: The number of threads that work on one operator.
    """
    return {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "system": "{} {}".format(platform.system(), platform.release()),
        "python": platform.python_version(),
        "runtime": runtime,
        "threads": threads,
    }


def cpu_name() -> str:
    """The name of the processor's model, as the kernel has it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return names.get("model name") or names.get("Model") or names.get("Hardware") or platform.machine()
