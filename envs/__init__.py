"""The pruning problem that every strategy searches, and a Gymnasium environment over it."""

from gymnasium.envs.registration import register

from envs.channel_pruning import ChannelPruningEnv
from envs.pruning_problem import PruningProblem
from envs.rewards import Outcome

register(id="AMC/ChannelPruning-v1", entry_point="envs.channel_pruning:ChannelPruningEnv")

__all__ = ["ChannelPruningEnv", "Outcome", "PruningProblem"]
