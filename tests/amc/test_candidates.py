"""What scores the networks of a search."""

import numpy as np

from agents.exploration import random_policy
from amc.data.load import load_data
from amc.data.splits import SplitSizes
from amc.networks import load_network
from amc.task import Task


def test_a_tape_scores_what_the_network_does() -> None:
    """With batches of its size and a last one that is smaller."""
    splits = load_data("digits", sizes=SplitSizes(calibration=60, reward=130, test=20))
    task = Task(load_network("digits_resnet").model, splits, ["macs=0.3"], search_recovery="both")
    task.batch_size = 50
    candidates = task.candidates
    assert candidates._tape is not None
    policies = [random_policy(np.random.default_rng(seed), task.budgets) for seed in range(3)]
    taped = [candidates.score(keeps).answers for keeps in policies]
    candidates._tape = None
    plain = [candidates.score(keeps).answers for keeps in policies]
    for one, other in zip(taped, plain, strict=True):
        assert one is not None
        assert other is not None
        assert (one == other).mean() > 0.99
