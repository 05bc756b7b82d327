"""What the model proposes to score next."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from agents.episode import Episode
from agents.exploration import random_policy
from agents.surrogate.proposer import ExpectedChange, Proposer
from amc.cost.budget import Budgets
from amc.graph import KeptCounts
from envs import PruningProblem
from envs.rewards import Outcome
from tests.problems import chain

GRAPH = chain((16, 24, 16, 32, 24), residual=False, round_to=None, max_sparsity=0.8)
WEIGHTS = np.array([3.0, 0.2, 1.0, 0.5, 2.0])


def problem(*limits: str, reward: str = "error") -> PruningProblem:
    def accuracy(kept_counts: KeptCounts) -> float:
        return float(np.exp(-WEIGHTS @ (1 - kept_counts / GRAPH.full) ** 2))

    return PruningProblem(Budgets(GRAPH, limits), accuracy, reward=reward)


def told(of: PruningProblem, policies: list[KeptCounts], expected: ExpectedChange | None = None) -> Proposer:
    proposer = Proposer(of.graph, expected or of.expected_change)
    for index, kept_counts in enumerate(policies):
        reward, outcome = of.score(kept_counts)
        proposer.remember(Episode(index, kept_counts, reward, outcome))
    return proposer


def random_policies(of: PruningProblem, count: int) -> list[KeptCounts]:
    return [random_policy(np.random.default_rng(seed), of.budgets) for seed in range(count)]


@pytest.mark.backward
@pytest.mark.parametrize(
    ("limits", "reward"), [(("macs=0.5",), "error"), (("macs=0.5",), "mnasnet"), ((), "error_log_macs")]
)
def test_what_is_proposed_is_better_than_what_is_known(limits: tuple[str, ...], reward: str) -> None:
    own = problem(*limits, reward=reward)
    known = random_policies(own, 16)
    proposer, policies = told(own, known), {each.tobytes() for each in known}
    rewards = [own.score(each)[0] for each in known]
    for index in range(6):
        found = proposer.propose(own.budgets, np.random.default_rng(index))
        assert own.budgets.allows(found)
        assert found.tobytes() not in policies
        policies.add(found.tobytes())
        score, outcome = own.score(found)
        rewards.append(score)
        proposer.remember(Episode(16 + index, found, score, outcome))
    assert max(rewards[16:]) > max(rewards[:16])


@pytest.mark.backward
def test_it_proposes_the_same_whenever_it_is_told_and_others_beside_it() -> None:
    own = problem("macs=0.5")
    known = random_policies(own, 20)
    gradual = Proposer(own.graph, own.expected_change)
    for index, kept_counts in enumerate(known):
        reward, outcome = own.score(kept_counts)
        gradual.remember(Episode(index, kept_counts, reward, outcome))
        if gradual.is_ready(own.budgets):
            gradual.propose(own.budgets, np.random.default_rng(index))
    first = gradual.propose(own.budgets, np.random.default_rng(0))
    assert first.tolist() == told(own, known).propose(own.budgets, np.random.default_rng(0)).tolist()
    second = gradual.propose(own.budgets, np.random.default_rng(0), pending=[first])
    assert second.tolist() != first.tolist()


@pytest.mark.backward
def test_a_policy_that_is_offered_may_be_proposed_wherever_it_is() -> None:
    own = problem("macs=0.5")
    every = own.budgets.fill(np.stack(random_policies(own, 200)))
    ranked = sorted(every, key=lambda each: own.score(each)[0])
    proposer = told(own, ranked[:40])
    assert proposer.propose(own.budgets, np.random.default_rng(0), others=[ranked[-1]]).tolist() not in [
        e.tolist() for e in ranked[:40]
    ]


@pytest.mark.backward
def test_what_is_expected_beforehand_finds_better_policies() -> None:
    own = problem("macs=0.5")

    def truth(policies: KeptCounts) -> NDArray[np.float64]:
        return (1 - policies / GRAPH.full) ** 2 @ WEIGHTS

    def proposed(expected: ExpectedChange | None) -> float:
        """The mean score of what is proposed first, knowing six random policies."""
        found = []
        for seed in range(6):
            rng = np.random.default_rng(seed)
            proposer = told(own, [random_policy(rng, own.budgets) for _ in range(6)], expected)
            found.append(own.score(proposer.propose(own.budgets, rng))[0])
        return float(np.mean(found))

    assert proposed(truth) > proposed(None) + 0.02


def test_what_exceeds_the_budget_is_learned_from_and_not_varied() -> None:
    own = problem("macs=0.5")
    proposer = Proposer(own.graph, own.expected_change)
    over = Outcome(1.0, 1, 1, 2.0, within_budget=False)
    for index in range(6):
        proposer.remember(Episode(index, GRAPH.full - index, 0.0, over))
    assert not proposer.is_ready(own.budgets)
