"""What the agent does with its episodes: the same ones under a seed, executed actions, no training in the warm-up."""

import dataclasses
import itertools
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.logger import KVWriter, Logger
from torch import Tensor

from agents.ddpg.episodic_ddpg import EpisodicDDPG
from agents.ddpg.prior import Prior
from agents.ddpg.replay import EpisodeReplay
from agents.ddpg.settings import PRESETS, DDPGSettings
from agents.episode import Episode
from agents.rules.demonstrations import demonstrations
from amc.cost.budget import Budgets
from amc.graph import KeptCounts
from amc.scoring.score import Score
from envs import ChannelPruningEnv, PruningProblem
from tests.problems import chain

SMALL = {name: dataclasses.replace(preset, hidden=(32, 32)) for name, preset in PRESETS.items()}
WEIGHTS = np.array([1.0, 0.3, 2.0])


def accuracy(kept_counts: KeptCounts) -> float:
    return float(WEIGHTS @ np.sqrt(kept_counts / np.array([16, 24, 16])) / WEIGHTS.sum())


def pruning_problem(limits: tuple[str, ...] = ("macs=0.5",)) -> PruningProblem:
    graph = chain((16, 24, 16), residual=False, round_to=None, max_sparsity=0.8)
    return PruningProblem(Budgets(graph, limits), accuracy)


def train(
    settings: DDPGSettings, episodes: int, seed: int = 0, warmup: int = 4, problem: PruningProblem | None = None
) -> tuple[EpisodicDDPG, list[Episode]]:
    seen: list[Episode] = []
    agent = EpisodicDDPG(problem or pruning_problem(), settings, warmup, seed, seen.append)
    agent.learn(total_timesteps=episodes * agent.steps)
    return agent, seen


def weights(agent: EpisodicDDPG) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in agent.policy.parameters()]


class Writer(KVWriter):
    """Keeps what a logger is given."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def write(self, key_values: dict[str, Any], *_: object) -> None:
        self.rows.append(dict(key_values))


@pytest.mark.parametrize("preset", SMALL)
def test_the_same_seed_gives_the_same_history(preset: str) -> None:
    torch.manual_seed(1)
    agent, first = train(SMALL[preset], 12)
    torch.manual_seed(2)  # the global numbers do not matter
    again, same = train(SMALL[preset], 12)
    _, other = train(SMALL[preset], 12, seed=1)
    assert [episode.kept_counts.tolist() for episode in first] == [episode.kept_counts.tolist() for episode in same]
    assert [episode.details for episode in first] == [episode.details for episode in same]
    assert all(torch.equal(a, b) for a, b in zip(weights(agent), weights(again), strict=True))
    assert [episode.kept_counts.tolist() for episode in first] != [episode.kept_counts.tolist() for episode in other]


def test_an_agent_that_was_trained_elsewhere_begins_with_the_best_of_its_own_and_the_rivals_policies() -> None:
    """All are scored at once, so that workers can share them."""
    asked: list[int] = []

    def accuracies(policies: Sequence[KeptCounts], **_: object) -> list[Score]:
        asked.append(len(policies))
        return [Score(accuracy(each)) for each in policies]

    budgets = pruning_problem().budgets
    rivals = [budgets.scale(np.array(shares)) for shares in ([1.0, 1.0, 1.0], [0.6, 0.3, 1.0], [1.0, 1.0, 0.2])]
    problem = PruningProblem(budgets, accuracy, accuracies=accuracies)
    seen: list[Episode] = []
    known = EpisodicDDPG(problem, SMALL["tuned"], 0, 0, seen.append)
    own = known.explorer.actors_episode(problem).kept_counts
    prior = Prior(known.policy.state_dict(), lambda _: rivals)
    EpisodicDDPG(problem, SMALL["tuned"], 0, 0, seen.append, prior=prior).search(1)
    assert asked == [4, 1]  # the scorer remembers the one that is chosen
    assert seen[0].kept_counts.tolist() == max([own, *rivals], key=accuracy).tolist()


def stepped(problem: PruningProblem, episode: Episode) -> list[tuple[Any, Any]]:
    """The observations and intervals that gymnasium's interface gives on the way to an episode's policy."""
    env = ChannelPruningEnv(problem)
    observation, info = env.reset()
    given = [(observation, info["interval"])]
    for action in 1 - episode.kept_counts / problem.graph.full:
        observation, _, _, _, info = env.step(np.array([action], dtype=np.float32))
        given.append((observation, info["interval"]))
    return given


@pytest.mark.parametrize("preset", SMALL)
def test_the_replay_holds_what_was_executed_and_what_was_feasible(preset: str) -> None:
    problem = pruning_problem()
    seen: list[Episode] = []
    agent = EpisodicDDPG(problem, SMALL[preset], 4, 0, seen.append)
    agent.learn(total_timesteps=9 * agent.steps)
    replay = agent.replay_buffer
    assert isinstance(replay, EpisodeReplay)
    assert replay.size() == 27
    for number, episode in enumerate(seen):
        steps = stepped(problem, episode)
        rows = slice(3 * number, 3 * number + 3)
        executed = 1 - episode.kept_counts / problem.graph.full
        np.testing.assert_allclose(replay.actions[rows, 0, 0], 2 * executed - 1, atol=1e-6)
        np.testing.assert_allclose(replay.rewards[rows, 0], episode.reward, rtol=1e-6)
        assert replay.dones[rows, 0].tolist() == [0, 0, 1]
        observations, intervals = (np.array(column) for column in zip(*steps, strict=True))
        np.testing.assert_allclose(replay.observations[rows, 0], observations[:3])
        np.testing.assert_allclose(replay.next_observations[rows, 0], observations[1:])
        np.testing.assert_allclose(replay.intervals[rows], 2 * intervals[:3] - 1, atol=1e-6)
        np.testing.assert_allclose(replay.next_intervals[rows], 2 * intervals[1:] - 1, atol=1e-6)
        assert (replay.actions[rows, 0, 0] >= replay.intervals[rows, 0] - 1e-6).all()
        assert (replay.actions[rows, 0, 0] <= replay.intervals[rows, 1] + 1e-6).all()


@pytest.mark.parametrize("preset", SMALL)
def test_the_warm_up_trains_nothing(preset: str) -> None:
    fresh = weights(EpisodicDDPG(pruning_problem(), SMALL[preset], 4, 0, lambda _: None))
    agent, seen = train(SMALL[preset], 4)
    assert all(torch.equal(a, b) for a, b in zip(weights(agent), fresh, strict=True))
    assert not any(name.startswith("loss/") for episode in seen for name in episode.details)
    agent, seen = train(SMALL[preset], 6)
    assert not all(torch.equal(a, b) for a, b in zip(weights(agent), fresh, strict=True))
    assert agent._n_updates == 2 * 3 * SMALL[preset].updates_per_step  # for each step of the two episodes after it
    assert "loss/critic" in seen[-1].details


@pytest.mark.parametrize("preset", SMALL)
def test_no_episode_exceeds_the_budget(preset: str) -> None:
    problem = pruning_problem(("macs=0.4", "params=0.5"))
    _, seen = train(SMALL[preset], 10, problem=problem)
    assert all(problem.budgets.allows(episode.kept_counts) for episode in seen)
    assert all(episode.reward == pytest.approx(accuracy(episode.kept_counts) - 1) for episode in seen)
    assert [episode.index for episode in seen] == list(range(10))


@pytest.mark.parametrize("preset", SMALL)
def test_a_search_without_a_budget_trains_too(preset: str) -> None:
    problem = pruning_problem(())
    _, seen = train(SMALL[preset], 8, problem=problem)
    assert len(seen) == 8


def test_noise_is_held_in_the_warm_up_and_then_decays() -> None:
    _, seen = train(dataclasses.replace(SMALL["paper"], sigma=0.5, sigma_decay=0.8), 8)
    expected = [0.5, 0.5, 0.5, 0.5, 0.5, 0.4, 0.32, 0.256]
    assert [episode.details["exploration/sigma"] for episode in seen] == pytest.approx(expected)


def test_the_baseline_is_a_moving_average_of_the_rewards() -> None:
    _, seen = train(dataclasses.replace(SMALL["paper"], baseline_decay=0.9), 5)
    baselines = [episode.details["reward/baseline"] for episode in seen]
    assert baselines[0] == seen[0].reward
    for (before, after), episode in zip(pairwise(baselines), seen[1:], strict=True):
        assert after == pytest.approx(0.9 * before + 0.1 * episode.reward)


def test_the_tuned_agent_begins_with_what_rules_choose() -> None:
    problem = pruning_problem()
    chosen = demonstrations(problem)
    _, seen = train(SMALL["tuned"], len(chosen) + 1, problem=problem)
    assert seen[0].kept_counts.tolist() == problem.budgets.scale(np.ones(3)).tolist()
    assert [each.kept_counts.tolist() for each in seen[:-1]] == [each.tolist() for each in chosen]


def test_the_tuned_agent_finds_the_best_policy_there_is() -> None:
    """By far fewer episodes than there are policies that fill the budget."""
    problem = pruning_problem()
    every = np.array(list(itertools.product(*problem.budgets.choices)))
    fitting = every[problem.budgets.allows_each(every)]
    filled = np.unique(problem.budgets.fill(fitting), axis=0)
    best = max(accuracy(each) for each in filled)
    episodes = 25
    assert len(filled) > 1.5 * episodes
    _, seen = train(SMALL["tuned"], episodes, warmup=8, problem=problem)
    assert max(each.outcome.accuracy for each in seen) == best


def test_the_policies_of_a_round_are_different() -> None:
    seen: list[Episode] = []
    agent = EpisodicDDPG(pruning_problem(), SMALL["tuned"], 4, 0, seen.append, round_size=6)
    agent.learn(30 * agent.steps)
    for begin in range(12, 30, 6):
        assert len({each.kept_counts.tobytes() for each in seen[begin : begin + 6]}) == 6


def test_a_callback_can_end_the_search_and_a_logger_gets_each_episode() -> None:
    seen: list[Episode] = []
    agent = EpisodicDDPG(pruning_problem(), SMALL["tuned"], 4, 0, seen.append, round_size=4)
    writer = Writer()
    agent.set_logger(Logger(None, [writer]))
    agent.learn(40 * agent.steps, callback=lambda found, _: found["self"].num_timesteps < 10 * agent.steps)
    assert len(seen) == 10
    assert [values["rollout/reward"] for values in writer.rows] == [episode.reward for episode in seen]
    assert [values.get("loss/critic") for values in writer.rows] == [each.details.get("loss/critic") for each in seen]
    assert "loss/critic" in writer.rows[-1]


@pytest.mark.parametrize("preset", SMALL)
def test_the_actors_choice_is_feasible(preset: str) -> None:
    agent, _ = train(SMALL[preset], 8)
    observation, info = ChannelPruningEnv(agent.problem).reset()
    action, _ = agent.predict(observation, deterministic=True)
    assert agent.greedy(observation, info["interval"]) == pytest.approx(np.clip(action[0], *info["interval"]))
    assert agent.greedy(observation, (0.25, 0.25)) == 0.25


@pytest.mark.parametrize("standardised", [False, True])
@pytest.mark.parametrize("monte_carlo", [False, True])
def test_the_critic_learns_the_targets_of_the_paper(monte_carlo: bool, standardised: bool) -> None:
    settings = dataclasses.replace(SMALL["paper"], monte_carlo=monte_carlo, standardised=standardised, gamma=0.9)
    agent, seen = train(settings, 8)
    replay = agent.replay_buffer
    assert isinstance(replay, EpisodeReplay)
    batch = replay.draw(np.random.default_rng((0, 8, 1)), 64)
    rewards = np.array([episode.reward for episode in seen])
    target = batch.rewards - seen[-1].details["reward/baseline"]
    if standardised:
        target = target / rewards.std()
    if not monte_carlo:
        with torch.no_grad():
            low, high = batch.next_intervals[:, :1], batch.next_intervals[:, 1:]
            action = torch.minimum(torch.maximum(agent.actor_target(batch.next_observations), low), high)
            value = agent.critic_target(batch.next_observations, action)[0]
        target = target + 0.9 * value * (1 - batch.dones)
    with torch.no_grad():
        expected = (agent.critic(batch.observations, batch.actions)[0] - target).square().mean()
    targets = [parameter.clone() for parameter in agent.critic_target.parameters()]
    agent.train(1, 64)
    assert agent.losses["loss/critic"] == pytest.approx(float(expected), rel=1e-4)
    for before, now, online in zip(targets, agent.critic_target.parameters(), agent.critic.parameters(), strict=True):
        torch.testing.assert_close(now, 0.99 * before + 0.01 * online)


def test_learning_rates_are_those_of_the_settings() -> None:
    agent, _ = train(dataclasses.replace(SMALL["paper"], actor_rate=3e-4, critic_rate=2e-3), 6)
    assert agent.actor.optimizer.param_groups[0]["lr"] == 3e-4
    assert agent.critic.optimizer.param_groups[0]["lr"] == 2e-3


def test_after_the_warm_up_policies_are_new_until_there_are_no_more() -> None:
    graph = chain((16, 24, 16, 32, 24), residual=False, round_to=2, max_sparsity=0.8)
    many = PruningProblem(Budgets(graph, ["macs=0.5"]), lambda kept_counts: float((kept_counts / graph.full).mean()))
    _, seen = train(SMALL["tuned"], 40, warmup=4, problem=many)
    kept_counts = [tuple(episode.kept_counts.tolist()) for episode in seen[4:]]
    assert len(set(kept_counts)) == len(kept_counts)
    few = PruningProblem(
        Budgets(chain((4, 4), residual=False, round_to=2, max_sparsity=0.5), ["macs=0.8"]),
        lambda kept_counts: kept_counts.sum() / 8,
    )
    _, seen = train(SMALL["tuned"], 20, warmup=2, problem=few)
    assert len(seen) == 20
    assert len({tuple(episode.kept_counts.tolist()) for episode in seen}) <= 4
