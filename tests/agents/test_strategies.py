from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from agents.episode import Episode
from agents.rules import RULES
from agents.search.episode_log import EpisodeLog
from agents.strategies import STRATEGIES, Random, make_strategy
from amc.cost.budget import Budgets
from amc.graph import KeptCounts
from amc.scoring.score import Score
from amc.utils.errors import UserError
from envs import PruningProblem
from tests.problems import chain

EPISODES = 8


class Counting:
    def __init__(self) -> None:
        self.asked: list[list[int]] = []

    def __call__(self, kept_counts: KeptCounts) -> float:
        self.asked.append(kept_counts.tolist())
        return float(kept_counts.sum() / 100)


def pruning_problem(*limits: str) -> tuple[PruningProblem, Counting]:
    graph = chain((16, 24, 16), residual=False, round_to=None, max_sparsity=0.8)
    accuracy = Counting()
    return PruningProblem(Budgets(graph, limits), accuracy), accuracy


def policies(strategy: str, seed: int, episodes: int = EPISODES) -> list[list[int]]:
    problem, accuracy = pruning_problem("macs=0.5")
    seen = EpisodeLog()
    make_strategy(strategy).search(problem, episodes, seed, seen)
    assert [
        episode.kept_counts.tolist() for episode in seen.episodes
    ] == accuracy.asked  # each is scored, and told of, once
    assert [episode.index for episode in seen.episodes] == list(range(len(seen.episodes)))
    assert len(accuracy.asked) <= make_strategy(strategy).planned(problem, episodes) <= episodes
    assert [each.outcome.within_budget for each in seen.episodes] == [
        problem.budgets.allows(each.kept_counts) for each in seen.episodes
    ]
    if episodes:
        assert seen.best is not None
        assert problem.budgets.allows(seen.best.kept_counts)
    return accuracy.asked


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_repeats_itself_under_a_seed(strategy: str) -> None:
    found = policies(strategy, seed=3)
    assert found == policies(strategy, seed=3)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_another_seed_gives_other_policies_unless_it_is_a_rule(strategy: str) -> None:
    assert (policies(strategy, seed=0) == policies(strategy, seed=1)) == (strategy in RULES)


@pytest.mark.parametrize("strategy", ["random", "ddpg"])
def test_all_policies_of_a_search_that_draws_them_keep_the_budget(strategy: str) -> None:
    problem, _ = pruning_problem("macs=0.5")
    found = policies(strategy, seed=0)
    assert len(found) == EPISODES
    assert all(problem.budgets.allows(np.array(kept_counts)) for kept_counts in found)


@pytest.mark.parametrize("round_size", [1, 5, 12])
def test_evolution_draws_at_random_until_its_population_is_full(round_size: int) -> None:
    """Of eight policies, whatever is scored together; then it varies them."""
    problem, accuracy = pruning_problem("macs=0.5")
    make_strategy("evolution", round_size=round_size).search(problem, 20, 0, lambda _: None)
    full = round_size * -(-8 // round_size)
    chance = policies("random", seed=0, episodes=20)
    assert accuracy.asked[1:full] == chance[1:full]
    assert not any(one == other for one, other in zip(accuracy.asked[full:], chance[full:], strict=True))


def test_swaps_score_no_policy_twice_while_there_are_others_near() -> None:
    graph = chain((8,) * 6, residual=False, round_to=2, max_sparsity=0.8)
    for seed in range(5):
        seen = EpisodeLog()
        problem = PruningProblem(Budgets(graph, ["macs=0.5"]), lambda _: 0.5)
        make_strategy("swaps").search(problem, 25, seed, seen)
        assert len({episode.kept_counts.tobytes() for episode in seen.episodes}) == 25


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_strategy_races_all_of_its_policies_or_none(strategy: str) -> None:
    """What is a bad policy follows from all before, which a search that goes on is told of."""
    problem, accuracy = pruning_problem("macs=0.5")
    asked: set[bool] = set()

    def scores(policies: Sequence[KeptCounts], *, race: bool, before: int) -> list[Score]:
        del before
        asked.add(race)
        return [Score(accuracy(each)) for each in policies]

    raced = PruningProblem(problem.budgets, accuracy, accuracies=scores)
    make_strategy(strategy).search(raced, EPISODES, 0, lambda _: None)
    assert asked == {strategy not in RULES}


def test_random_goes_on_where_a_shorter_search_ended() -> None:
    assert policies("random", seed=0, episodes=9)[:6] == policies("random", seed=0, episodes=6)


def test_uniform_has_one_policy_whatever_it_may_score() -> None:
    problem, _ = pruning_problem("macs=0.5")
    assert policies("uniform", seed=0, episodes=50) == [problem.budgets.scale(np.ones(3)).tolist()]
    assert policies("uniform", seed=0, episodes=0) == []


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_keeps_all_of_several_budgets(strategy: str) -> None:
    problem, _ = pruning_problem("params=0.6", "macs=0.4")
    seen = EpisodeLog()
    make_strategy(strategy).search(problem, EPISODES, 0, seen)
    assert seen.best is not None
    assert problem.budgets.allows(seen.best.kept_counts)
    assert problem.budgets.allows(seen.episodes[-1].kept_counts)


def test_the_best_is_within_the_budget_even_where_others_score_more() -> None:
    problem, _ = pruning_problem("macs=0.5")
    over, under = (
        Episode(i, kept_counts, *problem.score(kept_counts))
        for i, kept_counts in enumerate((problem.graph.full, problem.graph.least))
    )
    seen = EpisodeLog()
    seen(over)
    assert seen.best is None
    seen(under)
    assert over.reward > under.reward
    assert seen.best is under


OWN = """
from agents.rules import OnePolicy

class Whole(OnePolicy):
    def __init__(self, settings, round_size):
        super().__init__(lambda problem: problem.graph.full)
        self.round_size = round_size

def nothing(settings, round_size):
    return settings.hidden

def failing(settings):
    pass
"""


def test_a_users_strategy_is_made_as_those_with_names_are(tmp_path: Path) -> None:
    (tmp_path / "own_strategy.py").write_text(OWN)
    problem, accuracy = pruning_problem()
    mine = make_strategy(f"{tmp_path}/own_strategy.py:Whole", round_size=3)
    assert getattr(mine, "round_size", None) == 3
    mine.search(problem, EPISODES, 0, EpisodeLog())
    assert accuracy.asked == [[16, 24, 16]]
    assert make_strategy(mine) is mine
    assert isinstance(make_strategy(lambda *_: Random(5)), Random)
    for name, message in {
        "nothing": r"made \(300, 300\), which is no agents.strategy.Strategy",
        "failing": "failed: TypeError",
    }.items():
        with pytest.raises(UserError, match=f"^strategy .*own_strategy.py:{name} {message}"):
            make_strategy(f"{tmp_path}/own_strategy.py:{name}")
