"""The options of a search that knows latency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from amc.cost.costs import LATENCY
from amc.latency.target import LOCAL, parse_target
from amc.utils.errors import UserError
from envs.rewards import find_reward

DEVICE = "device"
"""The value of --round-to that takes the rounding from the latency table."""


@dataclass(frozen=True)
class LatencyOptions:
    """The machine whose latency counts, for a budget latency=..., the reward error_log_latency, --round-to device."""

    target: str = LOCAL
    """Machine whose latency counts: local, or ssh:[user@]host[:port], with Python, numpy and onnxruntime."""
    target_threads: int = 1
    """Threads of ONNX Runtime on the target."""
    latency_table: Path | None = None
    """Latency table of the target's layers, completed where layers are missing; default: one in the user's cache
    folder."""

    def check(self) -> None:
        """Raise a UserError for what can be told without reaching anything."""
        parse_target(self.target)
        if self.target_threads < 1:
            raise UserError(f"expected --target-threads of 1 or more, got {self.target_threads}")


def wants_latency(limits: Sequence[str], reward: str, round_to: str) -> bool:
    """Whether a search with these options has to know latency."""
    kinds = [limit.partition("=")[0] for limit in limits]
    return LATENCY in kinds or find_reward(reward).needs_latency or round_to == DEVICE
