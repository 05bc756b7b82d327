"""The policies that a search can be told to begin from: that of a rule, or one that was found before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agents.rules import RULES
from agents.rules.rule import OnePolicy
from amc.artifacts.policy import POLICY_FILE, read_policy
from amc.graph import KeptCounts
from amc.utils.errors import UserError
from amc.utils.text import shortened
from envs import PruningProblem

Start = Callable[[PruningProblem], KeptCounts]
"""Gives the policy `(groups,)` that the search of a problem begins from."""


def find_start(given: str) -> Start:
    """The start that a user names: a rule that knows its policy, the folder of a run, or a `policy.json`.

    Raises:
        UserError: No such rule, run or file; a policy of other groups is refused when a search begins from it.
    """
    rules = {name: made for name, make in RULES.items() if isinstance(made := make(), OnePolicy)}
    if given in rules:
        return rules[given].choose
    path = policy_file(given)
    if path is None:
        raise UserError(f"expected {', '.join(rules)}, a run folder or a policy.json to start from, got {given!r}")
    kept = {group.name: len(group.kept) for group in read_policy(path).groups}

    def start(problem: PruningProblem) -> KeptCounts:
        names = [group.name for group in problem.graph.groups]
        if kept.keys() != set(names):
            others = shortened(sorted(kept.keys() ^ set(names)))
            raise UserError(f"the policy in {path} is of other groups than this network has ({others})")
        counts: KeptCounts = problem.graph.full
        counts[:] = [min(kept[name], most) for name, most in zip(names, counts.tolist(), strict=True)]
        return counts

    return start


def policy_file(given: str) -> Path | None:
    """The file of the policy that a run folder, or itself, stands for; None for anything else, such as a rule."""
    path = Path(given)
    path = path / POLICY_FILE if path.is_dir() else path
    return path if path.is_file() else None
