"""Channel pruning of trained vision networks to a budget. Knows nothing of reinforcement learning."""

from amc.analyse import analyse
from amc.backward import safe_backward
from amc.data.load import load_data
from amc.errors import UserError
from amc.networks import load_network
from amc.policy import load, read_policy
from amc.task import Task

__all__ = ["Task", "UserError", "analyse", "load", "load_data", "load_network", "read_policy", "safe_backward"]
