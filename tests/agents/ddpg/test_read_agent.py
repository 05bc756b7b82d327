"""Reading agents that others made: nothing runs, mismatches are named."""

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agents.ddpg.agent_file import read_agent, save_agent
from agents.ddpg.episodic_ddpg import EpisodicDDPG
from agents.ddpg.prior import Prior
from agents.ddpg.settings import PRESETS
from agents.strategies import Ddpg
from amc.compression.group_features import GroupFeatures
from amc.cost.budget import Budgets
from amc.utils.errors import UserError
from envs import PruningProblem
from envs.observations import ScaleFreeObservation
from tests.problems import chain

Members = dict[str, bytes]


def pruning_problem(
    observation: str = "scale_free", group_features: int = 0, widths: tuple[int, ...] = (16, 24)
) -> PruningProblem:
    graph = chain(widths, residual=False, round_to=None, max_sparsity=0.8)
    return PruningProblem(
        Budgets(graph, ["macs=0.5"]),
        lambda kept_counts: kept_counts.mean() / 20,
        lambda: replace(GroupFeatures.unknown(graph), importance=np.zeros((len(graph.groups), group_features))),
        observation=observation,
    )


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> Members:
    """What an agent file of ours is made of."""
    agent = EpisodicDDPG(pruning_problem(), PRESETS["tuned"], 1, 0, lambda _: None)
    path = tmp_path_factory.mktemp("agent") / "agent.zip"
    save_agent(path, agent)
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def written(path: Path, members: Members) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def described(members: Members, change: Callable[[dict[str, Any]], object]) -> Members:
    content = json.loads(members["amc.json"])
    change(content)
    return members | {"amc.json": json.dumps(content).encode()}


def saved(content: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def test_it_acts_on_another_network_as_the_agent_would(tmp_path: Path, members: Members) -> None:
    found = read_agent(written(tmp_path / "agent.zip", members))
    assert (found.observation, found.hidden) == ("scale_free", (300, 300))
    problem = pruning_problem(widths=(8, 16, 24, 16))
    found.check_fits(problem)
    original = EpisodicDDPG(problem, PRESETS["tuned"], 1, 0, lambda _: None)
    carried = EpisodicDDPG(problem, PRESETS["tuned"], 1, 1, lambda _: None, prior=Prior(found.weights))
    np.testing.assert_array_equal(
        problem.rollout(original.greedy).kept_counts, problem.rollout(carried.greedy).kept_counts
    )
    episodes: list[Any] = []
    Ddpg(PRESETS["tuned"], prior=Prior(found.weights)).search(problem, 1, 0, episodes.append)
    np.testing.assert_allclose(
        1 - episodes[0].kept_counts / problem.graph.full, original.explorer.actors_episode(problem).sparsities
    )


class Hostile:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.marker,)


def test_nothing_in_it_is_executed(tmp_path: Path, members: Members) -> None:
    marker = tmp_path / "marker"
    hostile = pickle.dumps(Hostile(marker))
    path = written(tmp_path / "agent.zip", members | {"data": hostile, "pytorch_variables.pth": saved(Hostile(marker))})
    read_agent(path)
    assert not marker.exists()
    for content in (hostile, saved(Hostile(marker)), saved({"actor": Hostile(marker)})):
        path = written(tmp_path / "agent.zip", members | {"policy.pth": content})
        with pytest.raises(UserError, match=r"policy\.pth in .*agent\.zip (is damaged|can't be read)"):
            read_agent(path)
        assert not marker.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(version=99), "needs version 99 of observation set scale_free, this release has version"),
        (
            lambda c: c.update(observation="scale_fre"),
            "set 'scale_fre', which this release does not have; did you mean",
        ),
        (lambda c: c.update(schema=2), r"amc.json in .*: expected schema 1, got 2"),
        (lambda c: c.pop("features"), r"amc.json in .* is damaged: .* missing required field `features`"),
        (
            lambda c: c.update(hidden=[300, "x"]),
            r"amc.json in .* is damaged: Expected `int`, got `str` - at `\$.hidden\[1\]`",
        ),
        (
            lambda c: c.update(hidden=[10**9]),
            r"amc.json in .* is damaged: Expected `int` <= 4096 - at `\$.hidden\[0\]`",
        ),
        (lambda c: c.update(hidden=[0, 300]), r"amc.json in .* is damaged: Expected `int` >= 1 - at `\$.hidden\[0\]`"),
        (lambda c: c.update(hidden=[30, 300]), r"its weights are not finite numbers of an agent with .* \[30, 300\]"),
        (lambda c: c["features"].pop(), "its weights are not finite numbers of an agent with 15 features"),
    ],
)
def test_a_description_that_does_not_fit_is_named(
    tmp_path: Path, members: Members, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    path = written(tmp_path / "agent.zip", described(members, change))
    with pytest.raises(UserError, match=message) as error:
        read_agent(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    "content", [{}, [1], {"actor.mu.0.weight": 3}, {"actor.mu.0.weight": torch.zeros(2)}, torch.zeros(3)], ids=repr
)
def test_weights_of_something_else_are_refused(tmp_path: Path, members: Members, content: object) -> None:
    path = written(tmp_path / "agent.zip", members | {"policy.pth": saved(content)})
    with pytest.raises(UserError, match="is damaged: its weights are not finite numbers of an agent with 16 features"):
        read_agent(path)


def test_weights_that_are_not_finite_are_refused(tmp_path: Path, members: Members) -> None:
    weights = torch.load(io.BytesIO(members["policy.pth"]), weights_only=True)
    weights["critic.qf0.0.bias"][0] = float("nan")
    path = written(tmp_path / "agent.zip", members | {"policy.pth": saved(weights)})
    with pytest.raises(UserError, match="its weights are not finite numbers"):
        read_agent(path)


def test_no_agent_at_all(tmp_path: Path, members: Members) -> None:
    with pytest.raises(UserError, match=r"expected an agent file at .*agent.zip, there is none"):
        read_agent(tmp_path / "agent.zip")
    (tmp_path / "agent.zip").write_bytes(b"no archive")
    with pytest.raises(UserError, match=r"agent.zip can't be read as an agent file"):
        read_agent(tmp_path / "agent.zip")
    path = written(tmp_path / "agent.zip", {name: members[name] for name in members if name != "amc.json"})
    with pytest.raises(UserError, match=r"has no amc.json; expected an agent.zip that a search of this tool left"):
        read_agent(path)
    path = written(tmp_path / "agent.zip", members | {"amc.json": b" " * (2**20 + 1)})
    with pytest.raises(UserError, match=r"amc.json is larger than 1,048,576 bytes"):
        read_agent(path)


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_a_users_mistake(tmp_path: Path, members: Members, cut: float) -> None:
    path = written(tmp_path / "agent.zip", members)
    path.write_bytes(path.read_bytes()[: int(cut * path.stat().st_size)])
    with pytest.raises(UserError, match="can't be read as an agent file"):
        read_agent(path)


def test_an_environment_with_other_features_is_refused_by_name(tmp_path: Path, members: Members) -> None:
    found = read_agent(written(tmp_path / "agent.zip", members))
    with pytest.raises(UserError, match=r"needs other features \(unknown to it: hint_0, hint_1\); train a new one"):
        found.check_fits(pruning_problem(group_features=2))
    with pytest.raises(UserError, match=r"needs other features \(missing here: depth, .*; unknown to it: t, n, c"):
        found.check_fits(pruning_problem("paper"))


def test_an_observation_set_of_a_later_release_is_refused(
    tmp_path: Path, members: Members, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "agent.zip", members)
    monkeypatch.setattr(ScaleFreeObservation, "version", ScaleFreeObservation.version + 1)
    with pytest.raises(UserError, match="needs version 2 of observation set scale_free, this release has version 3"):
        read_agent(path)
