from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from amc.compression.compressor import Compressor
from amc.graph import KeptCounts
from amc.scoring.racing import FEWEST, ROUND, RaceReference
from amc.scoring.score import Answers, Score
from amc.scoring.scorer import PolicyScorer
from tests.architectures import PRUNABLE
from tests.oracles import counted_params, prepared


def test_each_policy_is_scored_once_on_its_own_compact_network() -> None:
    model, graph = prepared("plain")
    scored: list[int] = []

    def accuracy(network: nn.Module) -> float:
        scored.append(counted_params(network))
        with torch.no_grad():
            return float(network(PRUNABLE["plain"].example()).sigmoid().mean())

    compress = Compressor(model, graph, [PRUNABLE["plain"].example(8)])
    score = PolicyScorer(
        lambda policies, _: (
            Score(accuracy(compress.compact(compress.mask(kept_counts))[0])) for kept_counts in policies
        )
    )
    policies = [np.array([5, 7]), np.array([8, 12]), np.array([5, 7]), np.array([7, 5])]
    found = [score(kept_counts) for kept_counts in policies]
    assert found[0] == found[2]
    assert len(set(found)) == 3
    assert scored == [5 * 27 + 10 + 7 * 45 + 14 + 40, 1185, 7 * 27 + 14 + 5 * 63 + 10 + 30]


def answers(right: NDArray[np.bool_]) -> Answers:
    """Answers that are compared by whether they are right."""
    return Answers(right, (~right).astype(np.float32))


class Scored:
    """Scores policies by their sum on 100 images, those under a reference on a tenth of them; notes calls."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.references: list[tuple[float, bytes, bytes] | None] = []

    def __call__(self, policies: Sequence[KeptCounts], race_reference: RaceReference | None) -> Iterator[Score]:
        known = (
            (race_reference.lost, race_reference.losses.tobytes(), race_reference.order.tobytes())
            if race_reference
            else None
        )
        self.references.append(known)
        for kept_counts in policies:
            right = int(kept_counts.sum())
            self.asked.append(right)
            if race_reference is not None and 100 - right > race_reference.lost:
                yield Score(right / 100 + 0.001, share=0.1)
            else:
                yield Score(right / 100, answers=answers(np.arange(100) < right))


def policy(right: int) -> KeptCounts:
    return np.array([right, 0])


def test_what_was_raced_is_no_score_of_a_network() -> None:
    scored = Scored()
    score = PolicyScorer(scored, can_race=True)
    for right in range(FEWEST + ROUND):
        list(score.all([policy(right)], race=True))
    (early,) = score.all([policy(3)], race=True)
    assert early.share == 1  # it was scored before there was a reference
    scored.asked.clear()
    (bad,) = score.all([np.array([0, 5])], race=True)
    assert bad.share == 0.1
    assert score(np.array([0, 5])) == 0.05  # scored anew, on all images
    assert scored.asked == [5, 5]


def test_the_reference_is_frozen_within_a_round_and_the_same_after_an_interruption() -> None:
    rights = np.random.default_rng(0).permutation(90)[: FEWEST + 3 * ROUND].tolist()
    scored = Scored()
    score = PolicyScorer(scored, can_race=True)
    told = [(policy(right), found) for right in rights for found in score.all([policy(right)], race=True)]
    assert scored.references[:FEWEST] == [None] * FEWEST
    rounds = [set(scored.references[start : start + ROUND]) for start in range(FEWEST, len(rights), ROUND)]
    assert [len(each) for each in rounds] == [1, 1, 1]
    for done in (FEWEST + 3, FEWEST + ROUND + 1):
        again = Scored()
        later = PolicyScorer(again, can_race=True)
        later.tell((kept_counts, Score(found.value, found.share)) for kept_counts, found in told[:done])
        for right in rights[done:]:
            list(later.all([policy(right)], race=True))
        assert [each for each in again.references if each is not None] == scored.references[done:]


def test_policies_that_are_scored_together_have_one_reference() -> None:
    scored = Scored()
    score = PolicyScorer(scored, can_race=True)
    for start in range(0, 60, 6):
        list(score.all([policy(right) for right in range(start, start + 6)], race=True))
    assert len(scored.references) == 10
    assert scored.references[: -(-FEWEST // 12) * 2] == [None] * (-(-FEWEST // 12) * 2)


@pytest.mark.parametrize("done", [17, 26, 29, 31])
def test_a_round_that_was_interrupted_goes_on_with_its_own_reference(done: int) -> None:
    """Rounds of five policies, and a last one of two."""
    rights = np.random.default_rng(1).permutation(90)[:32].tolist()
    rounds = [rights[start : start + 5] for start in range(0, 32, 5)]
    scored = Scored()
    score = PolicyScorer(scored, can_race=True)
    told = [
        (policy(right), found)
        for together in rounds
        for right, found in zip(together, score.all([policy(each) for each in together], race=True), strict=True)
    ]
    again = Scored()
    later = PolicyScorer(again, can_race=True)
    later.tell((kept_counts, Score(found.value, found.share)) for kept_counts, found in told[:done])
    before = done % 5
    for together in (rights[done : done + 5 - before], *rounds[done // 5 + 1 :]):
        list(later.all([policy(right) for right in together], race=True, before=before))
        before = 0
    assert [each for each in again.references if each is not None] == scored.references[done // 5 :]
