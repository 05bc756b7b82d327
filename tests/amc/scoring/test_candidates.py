"""What scores the networks of a search."""

import numpy as np
import pytest
import torch

from agents.exploration import random_policy, varied_policies
from amc.data.load import load_data
from amc.data.splits import SplitSizes
from amc.scoring.candidates import Candidates
from amc.scoring.racing import RaceReference
from amc.scoring.score import Answers
from amc.task import Task
from amc.task_options import TaskOptions
from tests.small_network import small_resnet


def digits_task(recovery: str = "both") -> Task:
    splits = load_data("digits", sizes=SplitSizes(calibration=60, reward=130, test=20))
    task = Task(small_resnet(), splits, ["macs=0.3"], TaskOptions(search_recovery=recovery))
    return task._changed(batch_size=50)  # the last batch is smaller


@pytest.mark.parametrize("recovery", ["both", "asymmetric"])
def test_a_program_scores_what_the_network_does(monkeypatch: pytest.MonkeyPatch, recovery: str) -> None:
    task = digits_task(recovery)
    fused = task.candidates()
    assert fused._program is not None
    monkeypatch.setattr("amc.scoring.candidates.fused_program", lambda *_: None)
    plain = Candidates(*fused.arguments)
    assert plain._program is None
    for seed in range(3):
        kept_counts = random_policy(np.random.default_rng(seed), task.budgets)
        one, other = fused.score(kept_counts).answers, plain.score(kept_counts).answers
        assert one is not None
        assert other is not None
        assert (one.right == other.right).mean() > 0.99
        network, _ = task.compact(kept_counts, recovery)
        assert task.accuracy(network, task.search_images) == pytest.approx(one.right.mean(), abs=0.01)


@pytest.mark.parametrize("native", [True, False])
def test_scores_are_in_the_format_of_the_processor(monkeypatch: pytest.MonkeyPatch, native: bool) -> None:
    """Where that changes next to nothing; one image of 130 is a point in a hundred."""
    task = digits_task()
    kept_counts = random_policy(np.random.default_rng(0), task.budgets)
    exact = task.candidates()
    assert exact.dtype == torch.float32  # too small a network to gain by another
    monkeypatch.setattr("amc.scoring.candidates.LEAST_MACS", 0)
    monkeypatch.setattr("amc.utils.precision.multiplies_in_bfloat16", lambda _: native)
    found = Candidates(*exact.arguments[:-1])
    assert found.dtype == (torch.bfloat16 if native else torch.float32)
    assert {parameter.dtype for parameter in found.network(kept_counts).parameters()} == {found.dtype}
    assert found.score(kept_counts).value == pytest.approx(exact.score(kept_counts).value, abs=0.02 if native else 0)


@pytest.mark.parametrize("recovery", ["both", "asymmetric"])
def test_what_was_kept_of_others_changes_no_answer(monkeypatch: pytest.MonkeyPatch, recovery: str) -> None:
    """Policies that begin alike, in the images' order and in that of a race."""
    task = digits_task(recovery)
    caching = task.candidates()
    monkeypatch.setattr("amc.scoring.executor.prefix_cache.MOST_BYTES", 0)
    plain = Candidates(*caching.arguments)
    rng = np.random.default_rng(0)
    policy = random_policy(rng, task.budgets)
    kept = []
    for number in range(12):
        (kept_counts,) = varied_policies(rng, task.budgets, policy, 0.5, 1, first=2)
        answers = plain.score(kept_counts).answers
        assert answers is not None
        panel = [Answers(answers.right, answers.losses * rng.exponential(size=130).astype("f")) for _ in range(4)]
        race_reference = RaceReference.from_panel(panel, number) if number % 3 else None
        one, other = caching.score(kept_counts, race_reference), plain.score(kept_counts, race_reference)
        assert one.value == other.value
        assert one.share == other.share
        assert caching._prefixes is not None
        kept.append(int(caching._prefixes._is_kept.sum()))
    assert min(kept[3:]) > 0
