"""Whatever an agent does, the network that it leaves fits its budgets and fills them."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amc.cost.budget import Budgets
from envs import ChannelPruningEnv, PruningProblem
from tests.oracles import prepared
from tests.problems import Problem, fits, larger, problems

many = settings(max_examples=100, derandomize=True, deadline=None)


def environment(problem: Problem) -> ChannelPruningEnv:
    graph, texts = problem
    return ChannelPruningEnv(PruningProblem(Budgets(graph, texts), accuracy=lambda _: 0.5))


def play(env: ChannelPruningEnv, actions: np.ndarray) -> dict[str, Any]:
    env.reset()
    for action in actions:
        _, _, done, _, info = env.step(np.array([action], dtype=np.float32))
    assert done
    return info


def check(problem: Problem, kept_counts: np.ndarray) -> None:
    graph, texts = problem
    assert fits(graph, texts, kept_counts)
    assert all(keep in group.choices for keep, group in zip(kept_counts, graph.groups, strict=True))
    more = larger(graph, kept_counts, len(kept_counts) - 1)
    assert more is None or not fits(graph, texts, more)


@many
@given(problems(), st.integers(0, 10**6), st.sampled_from(["random", "cut nothing", "cut all", "ends"]))
def test_an_episode_never_exceeds_a_budget_nor_stops_short_of_it(problem: Problem, seed: int, policy: str) -> None:
    rng, steps = np.random.default_rng(seed), len(problem[0].groups)
    actions = {
        "random": rng.random(steps),
        "cut nothing": np.zeros(steps),
        "cut all": np.ones(steps),
        "ends": rng.integers(2, size=steps),
    }
    check(problem, play(environment(problem), actions[policy])["kept_counts"])


@pytest.mark.parametrize("limits", [("macs=0.5",), ("params=0.45",), ("macs=0.6", "params=0.4")])
@pytest.mark.parametrize("name", ["projection", "dense", "inverted", "grouped_wide", "unet", "resnet20"])
def test_so_it_is_where_groups_share_layers(name: str, limits: tuple[str, ...]) -> None:
    _, graph = prepared(name)
    rng = np.random.default_rng(0)
    for _ in range(5):
        check((graph, limits), play(environment((graph, limits)), rng.random(len(graph.groups)))["kept_counts"])


@many
@given(problems(), st.data())
def test_a_scaled_policy_comes_back_when_its_sparsities_are_played(problem: Problem, data: st.DataObject) -> None:
    env = environment(problem)
    groups = len(problem[0].groups)
    kept_counts = env.problem.budgets.scale(np.array([data.draw(st.floats(0.1, 3.0)) for _ in range(groups)]))
    assert play(env, env.problem.sparsities(kept_counts))["kept_counts"].tolist() == kept_counts.tolist()


@many
@given(problems(), st.integers(0, 10**6))
def test_executed_sparsities_lead_to_the_same_network(problem: Problem, seed: int) -> None:
    env = environment(problem)
    env.reset()
    executed, done = [], False
    for action in np.random.default_rng(seed).random(len(problem[0].groups)):
        _, _, done, _, info = env.step(np.array([action], dtype=np.float32))
        executed.append(info["sparsity"])
    assert done
    assert play(env, np.array(executed))["kept_counts"].tolist() == info["kept_counts"].tolist()
