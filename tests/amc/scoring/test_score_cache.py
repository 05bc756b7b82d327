"""Scores on the disk: searches with them and without find the same, and score nothing twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agents.episode import Episode, Past
from agents.search.plan import SearchPlan
from agents.search.stages import Stages
from agents.strategies import make_strategy
from amc.data.load import load_data
from amc.data.splits import SplitSizes
from amc.graph import KeptCounts
from amc.scoring.candidates import Candidates
from amc.scoring.racing import RaceReference
from amc.scoring.score import Answers, Score
from amc.scoring.score_cache import ScoreCache
from amc.task import Task
from amc.task_options import TaskOptions
from amc.utils.errors import UserError
from tests.small_network import small_resnet


@pytest.fixture(scope="module")
def task() -> Task:
    splits = load_data("digits", sizes=SplitSizes(calibration=60, reward=300, test=20))
    task = Task(small_resnet(), splits, ["macs=0.15"], TaskOptions(search_recovery="none"))
    return task._changed(batch_size=20)  # so that a race looks often


def searched(task: Task, cache: Path | None, seed: int = 0, strategy: str = "evolution") -> list[Episode]:
    found: list[Episode] = []
    plan = SearchPlan(lambda _: make_strategy(strategy), 40, seed, score_cache=cache)
    with Stages(task, plan) as stages:
        stages.search(found.append, Past())
    return found


def test_searches_find_the_same_with_scores_on_the_disk(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Races included, whether their answers are read or not."""
    cache = tmp_path / "scores" / "scores.sqlite"
    without, filling = searched(task, None), searched(task, cache)
    monkeypatch.setattr(Candidates, "score", lambda *_: pytest.fail("what is known is scored again"))
    reading = searched(task, cache)
    assert any(episode.outcome.images < 1 for episode in without)
    for one, *others in zip(without, filling, reading, strict=True):
        assert all(other.kept_counts.tolist() == one.kept_counts.tolist() for other in others)
        assert all(other.outcome == one.outcome for other in others)


def test_strategies_and_seeds_share_scores_and_other_images_do_not(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "scores.sqlite"
    scored: list[bytes] = []
    score = Candidates.score

    def noted(self: Candidates, kept_counts: KeptCounts, reference: RaceReference | None) -> Score:
        scored.append(kept_counts.tobytes())
        return score(self, kept_counts, reference)

    monkeypatch.setattr(Candidates, "score", noted)
    searched(task, cache, seed=0)
    searched(task, cache, seed=1, strategy="random")
    assert len(scored) == len(set(scored)) < 80  # both begin with, or draw, some of the same
    fewer = Task(task.model, task.splits, ["macs=0.15"], TaskOptions(search_recovery="none", reward_images=100))
    before = len(scored)
    searched(fewer, cache, seed=0)
    assert len(scored) > before


@pytest.mark.parametrize("answers", [None, Answers(np.arange(11) % 3 == 0, np.linspace(0, 9, 11, dtype=np.float32))])
def test_a_score_comes_back_to_the_last_bit(tmp_path: Path, answers: Answers | None) -> None:
    wanted = Score(0.1 + 0.2, 1.0, answers, None if answers is None else 1 / 3)
    kept_counts = np.array([3, 5])
    with ScoreCache(tmp_path / "scores.sqlite", {"weights": "a"}) as cache:
        cache.put(kept_counts, wanted)
    with ScoreCache(tmp_path / "scores.sqlite", {"weights": "b"}) as other:
        assert other.get(kept_counts) is None
    with ScoreCache(tmp_path / "scores.sqlite", {"weights": "a"}) as cache:
        found = cache.get(kept_counts)
        assert cache.get(kept_counts[::-1].copy()) is None
    assert found is not None
    assert (found.value, found.accuracy, found.share) == (wanted.value, wanted.accuracy, 1.0)
    if answers is None:
        assert found.answers is None
    else:
        assert found.answers is not None
        assert np.array_equal(found.answers.right, answers.right)
        assert np.array_equal(found.answers.losses, answers.losses)


def test_a_file_that_holds_something_else_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "scores.sqlite"
    path.write_text("something else" * 100)
    with pytest.raises(UserError, match=r"scores can't be kept in .*scores.sqlite"):
        ScoreCache(path, {})
