import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from amc.scoring.paired_test import paired_drop

answers = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=200)


@given(answers)
def test_it_is_the_mean_of_the_differences_with_its_standard_error_and_one_image(
    pairs: list[tuple[bool, bool]],
) -> None:
    before, after = (torch.tensor(side) for side in zip(*pairs, strict=True))
    differences = before.numpy().astype(float) - after.numpy().astype(float)
    drop = paired_drop(before, after)
    error = np.std(differences) / np.sqrt(len(differences))
    assert drop.value == pytest.approx(differences.mean())
    half = 1.96 * error + 1 / len(pairs)
    assert drop.low == pytest.approx(max(differences.mean() - half, -1), abs=1e-7)
    assert drop.high == pytest.approx(min(differences.mean() + half, 1), abs=1e-7)


def test_networks_that_err_alike_are_told_apart_better_than_by_two_accuracies() -> None:
    before = torch.arange(5000) < 4500
    after = torch.arange(5000) < 4450
    drop = paired_drop(before, after)
    independent = 1.96 * np.sqrt((0.9 * 0.1 + 0.89 * 0.11) / 5000)
    assert drop.value == pytest.approx(0.01)
    assert drop.high - drop.value < independent / 3


@pytest.mark.parametrize("images", [100, 500])
def test_equal_networks_are_told_apart_as_seldom_as_by_an_exact_test(images: int) -> None:
    """However few images they answer differently; the exact one is the sign test of these."""
    for different in range(1, 30):
        for lost in range(different + 1):
            before, after = torch.zeros(2, images, dtype=torch.bool)
            before[:lost], after[lost:different] = True, True
            drop = paired_drop(before, after)
            if drop.low > 0 or drop.high < 0:
                assert binomtest(lost, different).pvalue < 0.0526  # 0.05, but for the normal distribution


def test_equal_answers_lose_an_image_at_the_most() -> None:
    right = torch.tensor([True, False, True, True])
    assert paired_drop(right, right) == (0.0, -0.25, 0.25)
