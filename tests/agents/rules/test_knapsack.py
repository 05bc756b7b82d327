import itertools

import numpy as np

from agents.episode import Episode, best_of
from agents.rules import RULES
from amc.cost.budget import Budgets
from amc.graph import KeptCounts
from envs import PruningProblem
from tests.problems import chain, fits

GRAPH = chain((8, 8, 8), residual=False, round_to=1, max_sparsity=0.75)
LIMITS = ("macs=0.5",)
POLICIES = [np.array(each) for each in itertools.product(*(group.choices for group in GRAPH.groups))]
FITTING = [each for each in POLICIES if fits(GRAPH, LIMITS, each)]


def search(accuracy: object, episodes: int) -> list[Episode]:
    seen: list[Episode] = []
    searched = PruningProblem(Budgets(GRAPH, LIMITS), accuracy)  # type: ignore[arg-type]
    RULES["knapsack"]().search(searched, episodes, 0, seen.append)
    return seen


def test_it_finds_about_the_best_of_all_policies_where_losses_add_up() -> None:
    regrets = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        worth = np.sort(rng.random((3, 9)))

        def accuracy(kept_counts: KeptCounts, worth: np.ndarray = worth) -> float:
            return float(worth[np.arange(3), kept_counts].sum())

        found = best_of(search(accuracy, 60))
        assert found is not None
        fitting = [accuracy(each) for each in FITTING]
        regrets.append((max(fitting) - found.outcome.accuracy) / (max(fitting) - np.median(fitting)))
    assert np.mean(regrets) < 0.1


def test_what_is_lost_together_is_seen_around_the_first_solution() -> None:
    """Cut alone, the first two groups cost nothing, as each can stand for the other; cut together, they cost much."""

    def accuracy(kept_counts: KeptCounts) -> float:
        return float(min(1.0, kept_counts[:2].sum() / 12) + 0.01 * kept_counts[2])

    seen = search(accuracy, 60)
    first = next(episode for episode in seen if episode.outcome.within_budget)
    best = best_of(seen)
    assert best is not None
    assert best.outcome.accuracy > first.outcome.accuracy + 0.1
