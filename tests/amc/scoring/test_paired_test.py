import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from amc.scoring.paired_test import paired_drop

answers = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=200)


@given(answers)
def test_it_is_the_mean_of_the_differences_with_its_standard_error(pairs: list[tuple[bool, bool]]) -> None:
    before, after = (torch.tensor(side) for side in zip(*pairs, strict=True))
    differences = before.numpy().astype(float) - after.numpy().astype(float)
    drop = paired_drop(before, after)
    error = np.std(differences) / np.sqrt(len(differences))
    assert drop.value == pytest.approx(differences.mean())
    assert (drop.high - drop.low) / 2 == pytest.approx(1.96 * error, abs=1e-7)


def test_networks_that_err_alike_are_told_apart_better_than_by_two_accuracies() -> None:
    before = torch.arange(5000) < 4500
    after = torch.arange(5000) < 4450
    drop = paired_drop(before, after)
    independent = 1.96 * np.sqrt((0.9 * 0.1 + 0.89 * 0.11) / 5000)
    assert drop.value == pytest.approx(0.01)
    assert drop.high - drop.value < independent / 3


def test_equal_answers_lose_nothing() -> None:
    right = torch.tensor([True, False, True])
    assert paired_drop(right, right) == (0.0, 0.0, 0.0)
