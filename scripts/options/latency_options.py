"""The options of a search that knows latency."""

from __future__ import annotations

from dataclasses import dataclass

from amc.latency.target import LOCAL, parse_target
from amc.utils.errors import UserError
from scripts.options.option_types import File, Name

DEVICE = "device"
"""The value of --round-to that takes the rounding from the latency table."""


@dataclass(frozen=True)
class LatencyOptions:
    """The machine whose latency counts, for a budget latency=..., the reward error_log_latency, --round-to device."""

    target: Name = LOCAL
    """Machine whose latency counts: local, or ssh:[user@]host[:port], with Python, numpy and onnxruntime."""
    target_threads: int = 1
    """Threads of ONNX Runtime on the target."""
    latency_table: File | None = None
    """Latency table of the target's layers, completed where layers are missing; default: one in the user's cache
    folder."""

    def check(self) -> None:
        """Raise a UserError for what can be seen without reaching anything."""
        parse_target(self.target)
        if self.target_threads < 1:
            raise UserError(f"expected --target-threads of 1 or more, got {self.target_threads}")
