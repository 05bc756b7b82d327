"""What agents of earlier runs have scored, on whatever networks and data, for another agent to learn from as well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from agents.checkpoint import latest_checkpoint
from agents.ddpg.agent_file import AgentFile, read_agent
from agents.ddpg.replay import HELD, Transitions
from amc.artifacts.run_folder import AGENT_FILE
from amc.utils.errors import UserError

REPLAY = "replay."
"""The prefix of a replay's arrays in the state of an agent."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """All steps that the agent of an earlier run took, with what came of them.

    Attributes:
        agent: The agent of that run, which says what its observations mean.
        steps: The transitions, with the rewards as they were.
    """

    agent: AgentFile
    steps: Transitions

    def scaled(self, *, standardised: bool) -> Transitions:
        """The transitions with rewards less their mean in that run, and over their deviation where `standardised`.

        Rewards of different networks and budgets say nothing of each other; how policies of one network rank does.
        """
        rewards = self.steps.rewards
        scale = rewards.std(correction=0).clamp(min=1e-6) if standardised else 1.0
        return self.steps._replace(rewards=(rewards - rewards.mean()) / scale)


def read_lesson(run: Path) -> Lesson:
    """Read what the agent of a run has scored from its newest checkpoint; nothing is unpickled or executed.

    Raises:
        UserError: There is no such run, it has no agent or no checkpoint, or its files are damaged.
    """
    if not (run / AGENT_FILE).is_file():
        raise UserError(f"expected the folder of a finished search by ddpg to learn from, {run} has no {AGENT_FILE}")
    agent = read_agent(run / AGENT_FILE)
    state = latest_checkpoint(run)[0].past.state
    return Lesson(agent, _transitions(state, len(agent.features), run))


def _transitions(state: Mapping[str, Tensor], features: int, run: Path) -> Transitions:
    """The transitions in an agent's state, with observations of so many features."""
    columns = {name: state.get(f"{REPLAY}{name}", torch.empty(0)) for name in HELD}
    count = len(columns["rewards"])
    shapes = {
        "observations": (count, 1, features),
        "actions": (count, 1, 1),
        "intervals": (count, 2),
        "rewards": (count, 1),
        "next_observations": (count, 1, features),
        "next_intervals": (count, 2),
        "dones": (count, 1),
    }
    if not count or any(each.shape != shapes[name] or not each.isfinite().all() for name, each in columns.items()):
        raise UserError(f"the newest checkpoint in {run} is damaged: it does not hold what an agent has scored")
    return Transitions(*(columns[name].float().reshape(count, -1) for name in Transitions._fields))
