"""A search that goes on from any episode is the one that was never interrupted."""

import contextlib
import dataclasses
import functools
from pathlib import Path

import numpy as np
import pytest
import torch
from stable_baselines3 import SAC
from torch import Tensor

from agents.checkpoint import Checkpoint, latest_checkpoint, save_checkpoint
from agents.ddpg.episodic_ddpg import EpisodicDDPG
from agents.ddpg.prior import Prior
from agents.ddpg.settings import PRESETS
from agents.episode import Episode, Past
from agents.rules import RULES
from agents.sb3 import StableBaselines
from agents.strategies import STRATEGIES, Ddpg, Random
from agents.strategy import NO_PAST, Strategy
from amc.cost.budget import Budgets
from amc.graph import KeptCounts
from amc.utils.errors import UserError
from envs import PruningProblem
from tests.problems import chain

EPISODES = 12
SMALL = {name: dataclasses.replace(preset, hidden=(16, 16), replay_size=20) for name, preset in PRESETS.items()}
"""The replay overflows after 7 episodes of 3 steps, the warm-up ends after 3."""


class KilledError(Exception):
    """Stands for a kill: nothing is tidied up."""


def pruning_problem() -> PruningProblem:
    graph = chain((16, 24, 16), residual=False, round_to=None, max_sparsity=0.8)

    def accuracy(kept_counts: KeptCounts) -> float:
        return float(np.sqrt(kept_counts / np.array([16, 24, 16])).mean())

    return PruningProblem(Budgets(graph, ("macs=0.5",)), accuracy)


@functools.cache
def donor() -> dict[str, Tensor]:
    """Weights of an agent that was trained elsewhere."""
    strategy = Ddpg(SMALL["tuned"])
    strategy.search(pruning_problem(), 6, 7, lambda _: None)
    assert strategy.agent is not None
    return strategy.agent.policy.state_dict()


def strategies(name: str) -> Strategy:
    if name == "transferred":
        return Ddpg(SMALL["tuned"], prior=Prior(donor()))
    if name == "in rounds":
        return Ddpg(SMALL["tuned"], round_size=5)
    if name == "random in rounds":
        return Random(round_size=5)
    if name == "sb3:SAC in rounds":
        return StableBaselines(SAC, round_size=5)
    if name in SMALL:
        return Ddpg(SMALL[name])
    return STRATEGIES[name](SMALL["tuned"], 1)


def run(
    name: str, past: Past = NO_PAST, stop: int = EPISODES
) -> tuple[list[Episode], list[dict[str, Tensor]], Strategy]:
    """Episodes, the state after each, and the strategy; ends after `stop` episodes as a kill would."""
    strategy = strategies(name)
    episodes, states = list(past.episodes), []

    def told(episode: Episode) -> None:
        episodes.append(episode)
        states.append(strategy.state())
        if len(episodes) == stop and stop < EPISODES:
            raise KilledError

    with contextlib.suppress(KilledError):
        strategy.search(pruning_problem(), EPISODES, 5, told, past)
    return episodes, states, strategy


@functools.cache
def uninterrupted(name: str) -> tuple[list[Episode], list[dict[str, Tensor]], Strategy]:
    return run(name)


def facts(episodes: list[Episode]) -> list[tuple[object, ...]]:
    return [(each.index, each.kept_counts.tolist(), each.reward, each.outcome, each.details) for each in episodes]


@pytest.mark.parametrize(
    "name",
    [
        "tuned",
        "paper",
        "transferred",
        "in rounds",
        "random",
        "random in rounds",
        "sensitivity",
        "greedy",
        "sb3:PPO",
        "sb3:SAC in rounds",
    ],
)
@pytest.mark.parametrize("stop", [1, 3, 4, 8])
def test_it_ends_as_if_it_had_never_stopped(tmp_path: Path, name: str, stop: int) -> None:
    whole, _, trained = uninterrupted(name)
    assert len(whole) > 8
    begun, states, _ = run(name, stop=stop)
    assert len(begun) == stop
    save_checkpoint(tmp_path, Checkpoint({"groups": [{}] * 3}, Past(tuple(begun), states[-1])))
    torch.rand(5)  # the global numbers do not matter
    found, _, again = run(name, latest_checkpoint(tmp_path)[0].past)
    assert facts(found) == facts(whole)
    if isinstance(trained, Ddpg) and isinstance(again, Ddpg):
        assert trained.agent is not None
        assert again.agent is not None
        ours, theirs = (agent.policy.state_dict() for agent in (trained.agent, again.agent))
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)


@pytest.mark.parametrize("name", ["tuned", "in rounds"])
def test_an_agent_that_goes_on_from_its_last_episode_learns_from_that_too(name: str) -> None:
    """Its last round has two episodes of five."""
    episodes, states, trained = uninterrupted(name)
    _, _, again = run(name, Past(tuple(episodes), states[-1]))
    assert isinstance(trained, Ddpg)
    assert isinstance(again, Ddpg)
    assert trained.agent is not None
    assert again.agent is not None
    ours, theirs = (agent.policy.state_dict() for agent in (trained.agent, again.agent))
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    looser = pruning_problem().with_budgets(Budgets(pruning_problem().graph, ("macs=0.7",)))
    assert trained.expected_best(looser).tolist() == again.expected_best(looser).tolist()


@pytest.mark.parametrize("name", RULES)
def test_what_a_rule_has_scored_is_not_scored_twice(name: str) -> None:
    whole, _, _ = run(name)
    found, _, _ = run(name, Past(tuple(whole)))
    assert facts(found) == facts(whole)


@pytest.mark.parametrize("name", ["random", "greedy", "sb3:PPO"])
def test_a_past_of_another_search_is_refused(name: str) -> None:
    begun, _, _ = run(name, stop=3)
    others = (*begun[:2], dataclasses.replace(begun[2], kept_counts=np.array([1, 2, 3])))
    with pytest.raises(UserError, match="episode 2 of the interrupted search has another policy"):
        run(name, Past(others))


def test_a_state_is_a_copy_and_not_what_learning_goes_on_to_change() -> None:
    _, states, _ = run("tuned")
    first, last = states[0], states[-1]
    assert not torch.equal(first["policy.actor.mu.0.weight"], last["policy.actor.mu.0.weight"])
    assert len(first["replay.rewards"]) == 3
    assert len(last["replay.rewards"]) == 20


def test_a_state_of_another_agent_is_refused() -> None:
    episodes, states, _ = run("tuned", stop=4)
    other = EpisodicDDPG(pruning_problem(), dataclasses.replace(SMALL["tuned"], hidden=(8,)), 3, 5, lambda _: None)
    with pytest.raises(UserError, match="begun with another agent than this release has"):
        other.restore(Past(tuple(episodes), states[-1]))
    other = EpisodicDDPG(pruning_problem(), dataclasses.replace(SMALL["tuned"], replay_size=9), 3, 5, lambda _: None)
    with pytest.raises(UserError, match="begun with another agent than this release has"):
        other.restore(Past(tuple(episodes), states[-1]))
    agent = EpisodicDDPG(pruning_problem(), SMALL["tuned"], 3, 5, lambda _: None)
    with pytest.raises(UserError, match="begun with another agent than this release has"):
        agent.restore(Past(tuple(episodes), {k: v for k, v in states[-1].items() if k != "baseline"}))


def test_a_trained_agent_begins_with_its_own_policy() -> None:
    seen: list[Episode] = []
    strategies("transferred").search(pruning_problem(), 1, 0, seen.append)
    problem = pruning_problem()
    agent = EpisodicDDPG(problem, SMALL["tuned"], 0, 9, lambda _: None, prior=Prior(donor()))
    expected = 1 - agent.explorer.actors_episode(problem).sparsities
    np.testing.assert_allclose(seen[0].kept_counts / problem.graph.full, expected)
    assert problem.budgets.allows(seen[0].kept_counts)
