"""Channel pruning of trained vision networks to a budget; nothing here knows of reinforcement learning."""

from amc.analysis.analyse import analyse
from amc.artifacts.policy import load, read_policy
from amc.data.load import load_data
from amc.networks.sources import load_network
from amc.task import Task, TaskOptions
from amc.utils.errors import UserError
from amc.utils.safe_backward import safe_backward

__all__ = [
    "Task",
    "TaskOptions",
    "UserError",
    "analyse",
    "load",
    "load_data",
    "load_network",
    "read_policy",
    "safe_backward",
]
