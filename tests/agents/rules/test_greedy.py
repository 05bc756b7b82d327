import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.episode import Episode
from agents.rules import RULES
from amc.cost.budget import Budgets
from amc.cost.costs import COSTS
from amc.graph import KeptCounts
from envs import PruningProblem
from tests.problems import Problem, chain, problems

many = settings(max_examples=60, derandomize=True, deadline=None)


def search(problem: Problem, accuracy: object, episodes: int) -> list[Episode]:
    graph, limits = problem
    seen: list[Episode] = []
    searched = PruningProblem(Budgets(graph, limits), accuracy)  # type: ignore[arg-type]
    RULES["greedy"]().search(searched, episodes, 0, seen.append)
    return seen


def too_much(problem: Problem, kept_counts: KeptCounts) -> float:
    """Shares of the whole cost above each budget, read without the code under test."""
    graph, limits = problem
    total = 0.0
    for text in limits:
        kind, _, value = text.partition("=")
        cost = COSTS[kind](graph)
        whole = cost(graph.full)
        most = float(value) * whole if "." in value else float(value)
        total += max(0.0, cost(kept_counts) - most) / whole
    return total


@many
@given(problem=problems(groups=3, width=20), more=st.integers(0, 60), seed=st.integers(0, 999))
def test_every_round_takes_the_cut_that_loses_least_for_what_it_saves(problem: Problem, more: int, seed: int) -> None:
    graph, _ = problem
    weights = np.random.default_rng(seed).random(len(graph.groups))

    def accuracy(kept_counts: KeptCounts) -> float:
        return float(weights @ np.sqrt(kept_counts / graph.full))

    seen = search(problem, accuracy, len(graph.groups) + 2 + more)
    whole, *tried, last = (episode.kept_counts for episode in seen)
    assert whole.tolist() == graph.full.tolist()
    now = whole
    while tried:
        cuttable = [group.index for group in graph.groups if now[group.index] > group.choices[0]]
        cuts, tried = tried[: len(cuttable)], tried[len(cuttable) :]
        assert [np.flatnonzero(cut != now).tolist() for cut in cuts] == [[index] for index in cuttable]
        assert all((cut <= now).all() for cut in cuts)
        saved = [too_much(problem, now) - too_much(problem, cut) for cut in cuts]
        lost = [accuracy(now) - accuracy(cut) for cut in cuts]
        rates = [loss / saving for loss, saving in zip(lost, saved, strict=True)]
        now = cuts[int(np.argmin(rates))]
    if too_much(problem, now) == 0:
        assert (last >= now).all()  # what the last cut took too much of is given back


def test_what_costs_nothing_goes_first() -> None:
    graph = chain((40, 40, 40), residual=False, round_to=1, max_sparsity=0.8)
    found = search((graph, ("params=0.7",)), lambda kept_counts: float(kept_counts[0] + kept_counts[2]), 100)[
        -1
    ].kept_counts
    assert found[0] == found[2] == 40
    assert found[1] < 40


def test_more_episodes_are_smaller_steps() -> None:
    graph = chain((40, 40, 40), residual=False, round_to=1, max_sparsity=0.8)

    def steps(episodes: int) -> list[int]:
        seen = search((graph, ("macs=0.5",)), lambda kept_counts: float(np.sqrt(kept_counts).sum()), episodes)
        assert len(seen) <= episodes
        return [40 - int(episode.kept_counts[i]) for i, episode in enumerate(seen[1:4])]

    few, many = steps(14), steps(100)
    assert all(large > small for large, small in zip(few, many, strict=True))
