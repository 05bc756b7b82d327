"""Strategies by rules, which an agent has to beat. They draw nothing at random, so one run says all."""

from __future__ import annotations

from collections.abc import Callable

from agents.rules.greedy import Greedy
from agents.rules.knapsack import Knapsack
from agents.rules.rule import OnePolicy, Rule
from agents.rules.schedules import channel_pruning, deep, shallow, uniform
from agents.rules.second_order import second_order
from agents.rules.sensitivity import Sensitivity
from agents.rules.threshold import global_threshold

RULES: dict[str, Callable[[], Rule]] = {
    "uniform": lambda: OnePolicy(uniform),
    "shallow": lambda: OnePolicy(shallow),
    "deep": lambda: OnePolicy(deep),
    "cp": lambda: OnePolicy(channel_pruning),
    "global": lambda: OnePolicy(global_threshold),
    "second-order": lambda: OnePolicy(second_order),
    "sensitivity": Sensitivity,
    "greedy": Greedy,
    "knapsack": Knapsack,
}
"""The functions that make the rules, by name."""

__all__ = ["RULES", "OnePolicy", "Rule"]
