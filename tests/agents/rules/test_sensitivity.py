import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.episode import Episode
from agents.rules import RULES
from amc.cost.budget import Budgets
from amc.graph import KeptCounts
from envs import PruningProblem
from tests.problems import Problem, chain, fits, problems

many = settings(max_examples=60, derandomize=True, deadline=None)


def search(problem: Problem, accuracy: object, episodes: int) -> list[Episode]:
    graph, limits = problem
    seen: list[Episode] = []
    searched = PruningProblem(Budgets(graph, limits), accuracy)  # type: ignore[arg-type]
    RULES["sensitivity"]().search(searched, episodes, 0, seen.append)
    return seen


@many
@given(problem=problems(groups=3, width=8), seed=st.integers(0, 999))
def test_all_groups_lose_as_much_as_the_budget_asks_for_and_no_more(problem: Problem, seed: int) -> None:
    """With so few widths that all are measured: the smallest loss that fits, found by trying all."""
    graph, limits = problem
    rng = np.random.default_rng(seed)
    tables = [dict(zip(group.choices, np.sort(rng.random(len(group.choices))), strict=True)) for group in graph.groups]

    def accuracy(kept_counts: KeptCounts) -> float:
        return float(sum(table[keep] for table, keep in zip(tables, kept_counts.tolist(), strict=True)))

    found = search(problem, accuracy, 200)[-1].kept_counts
    losses = [
        {keep: table[group.units] - value for keep, value in table.items()}
        for group, table in zip(graph.groups, tables, strict=True)
    ]
    for tolerated in sorted(loss for table in losses for loss in table.values()):
        kept_counts = np.array(
            [min(keep for keep, loss in table.items() if loss <= tolerated + 1e-9) for table in losses]
        )
        if fits(graph, limits, kept_counts):
            break
    assert (found >= kept_counts).all()


def test_it_measures_each_group_alone_at_widths_equally_far_apart() -> None:
    graph = chain((16, 24), residual=False, round_to=1, max_sparsity=0.75)
    seen = search((graph, ("macs=0.5",)), lambda kept_counts: float(kept_counts.sum()), 8)
    assert [episode.kept_counts.tolist() for episode in seen[:-1]] == [
        [16, 24],
        *([keep, 24] for keep in (4, 8, 12)),
        *([16, keep] for keep in (6, 12, 18)),
    ]
    assert [episode.outcome.within_budget for episode in seen] == [*[False] * 7, True] or seen[-1].outcome.within_budget


def test_a_group_that_loses_nothing_goes_first() -> None:
    graph = chain((40, 40), residual=False, round_to=1, max_sparsity=0.8)
    found = search((graph, ("params=0.15",)), lambda kept_counts: float(kept_counts[0]), 20)[-1].kept_counts
    assert found[1] == 8
    assert found[0] > 25


def test_noise_that_rises_where_more_is_cut_is_no_reason_to_cut_more() -> None:
    """The loss at a width is the largest of all wider ones."""
    graph = chain((40, 40), residual=False, round_to=1, max_sparsity=0.8)

    def accuracy(kept_counts: KeptCounts) -> float:
        return float(kept_counts[0]) if kept_counts[0] > 8 else 40.0  # the narrowest scores as the whole group does

    found = search((graph, ("params=0.15",)), accuracy, 20)[-1].kept_counts
    assert found[1] == 8
    assert found[0] > 25
