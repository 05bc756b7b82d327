"""What the agent sees of the plain network: 3 -> conv1 (8) -> conv2 (12, stride 2) -> 5 classes, 8 x 8 images."""

import math
from pathlib import Path

import numpy as np
import pytest

from amc.compression.group_features import SHARES, GroupFeatures
from amc.cost.budget import Budgets
from amc.utils.errors import UserError
from envs import PruningProblem
from envs.observations import OBSERVATIONS
from tests.oracles import prepared

CONV1, CONV2, FC = 64 * 9 * 3 * 8, 16 * 9 * 8 * 12, 12 * 5
WHOLE = CONV1 + CONV2 + FC
FEATURES = GroupFeatures(
    importance=np.array([[0.3, 0.6, 0.8], [0.4, 0.7, 0.9]]),
    lost=np.array([[0.6, 0.4, 0.1], [0.5, 0.2, 0.0]]),
    changes=np.array([[1e-1, 1e-2, 1e-3], [1e-7, 0.0, 0.0]]),  # conv2 costs next to nothing
    shares=np.tile(SHARES, (2, 1)),
)


def trajectory(observation: str, limits: tuple[str, ...], actions: tuple[float, ...]) -> list[dict[str, float]]:
    """The features by name before each decision."""
    _, graph = prepared("plain")
    problem = PruningProblem(Budgets(graph, limits), lambda _: 0.5, lambda: FEATURES, observation=observation)
    policy = problem.begin()
    seen = [policy.observe()]
    for action in actions:
        policy.decide(action)
        seen.append(policy.observe())
    return [dict(zip(problem.observation.names, features.tolist(), strict=True)) for features in seen]


def hints(*values: float) -> dict[str, float]:
    return {f"hint_{index}": value for index, value in enumerate(values)}


def test_the_papers_features_by_hand() -> None:
    first, second = trajectory("paper", (), (0.25,))  # conv1 keeps 6 of 8
    after = 64 * 9 * 3 * 6 + 16 * 9 * 6 * 12 + FC
    names = ("t", "n", "c", "h", "w", "stride", "k", "macs", "reduced", "rest", "previous_action")
    assert CONV1 == CONV2  # both read 8 x 8 pixels with a kernel of 3, too: h, w, k and macs do not tell them apart
    assert first == pytest.approx(dict(zip(names, (0, 0, 0, 0, 0, 0, 0, 0, 0, CONV2 / WHOLE, 0), strict=True)))
    assert second == pytest.approx(
        dict(zip(names, (1, 1, 1, 0, 0, 1, 0, 0, 1 - after / WHOLE, 0, 0.25), strict=True)), abs=1e-6
    )


def test_the_scale_free_features_by_hand() -> None:
    first, second = trajectory("scale_free", ("macs=15000",), (0.25,))
    least1, least2 = 2, 3
    saved1 = CONV1 * (1 - least1 / 8) + CONV2 * (1 - least1 / 8)
    saved2 = (CONV2 + FC) * (1 - least2 / 12)
    all_least = CONV1 / 4 + CONV2 / 16 + FC / 4
    assert first == pytest.approx(
        {
            "depth": 0,
            "log_width": math.log2(8) / 12,
            "log_inputs": math.log2(3) / 12,
            "log_area": math.log2(64) / 16,
            "stride": 0,
            "log_kernel": math.log2(3) / 3,
            "share_of_macs": saved1 / WHOLE,
            "macs_over_largest": 1,
            "consumers": 1 / 3,
            **hints(0.3, 0.6, 0.8, 0.6, 0.4, 0.1, 5 / 6, 4 / 6, 3 / 6),
            "least_change": 1 - 6 / 8,
            "pressure": (WHOLE - 15000) / (WHOLE - all_least),
            "saved": 0,
            "rest": (WHOLE - all_least) / WHOLE,
            "lowest_sparsity": 1 - 6 / 8,  # with 6 and conv2 at its least it is 12975 MACs, with 7 it is 15135
            "highest_sparsity": 1 - 4 / 8,  # with 4 and conv2 whole it is 13884 MACs, with 5 it is 17340
            "previous_action": 0,
        },
        abs=1e-6,
    )
    most, least = CONV1 * 0.75 + CONV2 * 0.75 + FC, CONV1 * 0.75 + CONV2 * 0.75 / 4 + FC / 4
    assert second == pytest.approx(
        {
            "depth": 1,
            "log_width": math.log2(12) / 12,
            "log_inputs": math.log2(8) / 12,
            "log_area": math.log2(64) / 16,
            "stride": 1 / 3,
            "log_kernel": math.log2(3) / 3,
            "share_of_macs": saved2 / WHOLE,
            "macs_over_largest": saved2 / saved1,
            "consumers": 1 / 3,
            **hints(0.4, 0.7, 0.9, 0.5, 0.2, 0.0, 0.0, 0.0, 0.0),
            "least_change": 1 - 5 / 12,
            "pressure": (most - 15000) / (most - least),
            "saved": 1 - most / WHOLE,
            "rest": (most - least) / WHOLE,
            "lowest_sparsity": 1 - 5 / 12,  # conv1 keeps 6: each channel of conv2 costs 869 MACs of the 4632 left
            "highest_sparsity": 1 - 5 / 12,
            "previous_action": 0.25,
        },
        abs=1e-6,
    )


@pytest.mark.parametrize("name", OBSERVATIONS)
def test_names_are_unique_and_a_version_is_given(name: str) -> None:
    _, graph = prepared("plain")
    found = OBSERVATIONS[name](graph, Budgets(graph, ["macs=0.5"]), GroupFeatures.unknown(graph))
    assert len(set(found.names)) == len(found.names)
    assert found.version >= 1


def test_what_depends_on_the_budget_changes_with_it() -> None:
    (tight, *_), (loose, *_) = trajectory("scale_free", ("macs=0.3",), ()), trajectory("scale_free", ("macs=0.9",), ())
    changed = {key for key in tight if tight[key] != loose[key]}
    assert changed == {"pressure", "least_change", "lowest_sparsity", "highest_sparsity"}
    assert tight["pressure"] > loose["pressure"]


OWN = """
import numpy as np

class Position:
    version = 7
    names = ("index", "previous")

    def __init__(self, graph, budgets, group_features):
        self.groups = len(graph.groups)

    def __call__(self, decisions):
        return np.column_stack([decisions.index / self.groups, decisions.previous])

class Narrow(Position):
    def __call__(self, decisions):
        return decisions.previous

class Nameless(Position):
    names = property(lambda self: self.nothing)

def made(graph, budgets, group_features):
    return Position(graph, budgets, group_features)
"""


def test_a_users_observation_set_is_what_an_agent_sees(tmp_path: Path) -> None:
    (tmp_path / "own_observation.py").write_text(OWN)
    _, graph = prepared("plain")
    for name in ("Position", "made"):
        given = f"{tmp_path}/own_observation.py:{name}"
        problem = PruningProblem(Budgets(graph, ["macs=0.5"]), lambda _: 0.0, observation=given)
        found = problem.rollout(lambda *_: 0.5)
        assert problem.observation_name == given
        assert (problem.observation.version, problem.observation.names) == (7, ("index", "previous"))
        assert found.observations.dtype == np.float32
        np.testing.assert_allclose(found.observations, [[0, 0], [0.5, found.sparsities[0]], [0, 0]])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Narrow", r"returned features of shape \(1,\); finite ones are needed, .*, \(1, 2\)$"),
        ("Nameless", "failed: AttributeError: "),
        ("OWN", "has no function 'OWN'"),
    ],
)
def test_what_is_wrong_with_a_users_observation_set_is_one_line(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "own_observation.py").write_text(OWN)
    _, graph = prepared("plain")
    with pytest.raises(UserError, match=message):
        PruningProblem(
            Budgets(graph, ()), lambda _: 0.0, observation=f"{tmp_path}/own_observation.py:{name}"
        ).begin().observe()
