"""Gymnasium environments over `amc`: state, action bounds, reward."""

from gymnasium.envs.registration import register

from envs.channel_pruning import ChannelPruningEnv
from envs.rewards import Outcome

register(id="AMC/ChannelPruning-v0", entry_point="envs.channel_pruning:ChannelPruningEnv")

__all__ = ["ChannelPruningEnv", "Outcome"]
