"""What a latency depends on besides the network.

Needs the standard library alone: it also runs on devices, by Python 3.8 and later.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any


def fingerprint(runtime: str, threads: int) -> dict[str, Any]:
    """This machine, and a runtime on it, such as `onnxruntime 1.22.0`, with that many threads."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "system": "{} {}".format(platform.system(), platform.release()),
        "python": platform.python_version(),
        "runtime": runtime,
        "threads": threads,
    }


def _cpu() -> str:
    """The processor's model as the kernel names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return names.get("model name") or names.get("Model") or names.get("Hardware") or platform.machine()
