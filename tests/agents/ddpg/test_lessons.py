"""Agents that learn from what those of earlier runs have scored, on other networks."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from agents.ddpg.episodic_ddpg import EpisodicDDPG
from agents.ddpg.lessons import Lesson
from agents.ddpg.prior import Prior
from agents.ddpg.replay import Transitions
from agents.ddpg.settings import PRESETS
from amc.cost.budget import Budgets
from amc.graph import KeptCounts
from envs import PruningProblem
from envs.pruning_problem import Trajectory
from tests.problems import chain

SETTINGS = dataclasses.replace(PRESETS["tuned"], hidden=(32, 32), updates_per_step=20)


def problem_of(widths: tuple[int, ...], limits: tuple[str, ...] = ("macs=0.6",)) -> PruningProblem:
    graph = chain(widths, residual=False, round_to=None, max_sparsity=0.8)
    return PruningProblem(Budgets(graph, limits), accuracy=lambda _: 0.5)


def early_share(problem: PruningProblem, kept_counts: KeptCounts) -> float:
    """How much more of the first half of the groups a policy keeps than of the second."""
    shares = kept_counts / problem.graph.full
    half = len(shares) // 2
    return float(shares[:half].mean() - shares[half:].mean())


def lesson(problem: PruningProblem, sign: float) -> Transitions:
    """Random policies of a network, of which those are good that keep early groups, or, for -1, late ones."""
    rng, steps = np.random.default_rng(0), []
    for _ in range(60):
        shares = rng.uniform(0.2, 1.0, len(problem.graph.groups))
        (found,) = problem.trajectories([problem.budgets.scale(shares)])
        steps.append(rows(found, 3.0 + 0.1 * sign * early_share(problem, found.kept_counts)))
    return Transitions(*map(torch.cat, zip(*steps, strict=True)))


def rows(found: Trajectory, reward: float) -> Transitions:
    count = len(found.sparsities)
    columns: tuple[Any, ...] = (
        found.observations[:-1],
        2 * found.sparsities[:, None] - 1,
        2 * found.intervals[:-1] - 1,
        np.full((count, 1), reward),
        found.observations[1:],
        2 * found.intervals[1:] - 1,
        np.eye(count)[:, -1:],
    )
    return Transitions(*(torch.tensor(column, dtype=torch.float32) for column in columns))


def decided(sign: float) -> float:
    """What an agent decides for a network that it has not seen, after a search of one whose policies are all alike."""
    other = Lesson(None, lesson(problem_of((16, 32, 24, 16)), sign))  # type: ignore[arg-type]
    agent = EpisodicDDPG(
        problem_of((8, 16)), SETTINGS, 2, 0, lambda _: None, prior=Prior(lessons=[other.scaled(standardised=True)])
    )
    agent.search(30)
    unseen = problem_of((24, 24, 32, 24, 32, 16))
    return early_share(unseen, agent.explorer.actors_episode(unseen).kept_counts)


@pytest.mark.backward
def test_an_agent_knows_what_was_good_on_other_networks() -> None:
    assert decided(+1) > decided(-1) + 0.2


def test_rewards_are_in_the_scale_of_their_run() -> None:
    steps = lesson(problem_of((16, 24, 16)), 1)
    found = Lesson(None, steps).scaled(standardised=True)  # type: ignore[arg-type]
    assert found.rewards.mean().item() == pytest.approx(0, abs=1e-4)
    assert found.rewards.std(correction=0).item() == pytest.approx(1, abs=1e-4)
    plain = Lesson(None, steps).scaled(standardised=False)  # type: ignore[arg-type]
    assert torch.allclose(plain.rewards, steps.rewards - steps.rewards.mean())
    assert torch.equal(found.actions, steps.actions)
