import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from amc.utils.differences import furthest, is_same, largest

INF, NAN = math.inf, math.nan
NUMBERS = st.floats(-1e6, 1e6)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=5))
def test_finite_numbers_are_as_far_apart_as_they_are(pairs: list[tuple[float, float]]) -> None:
    one, other = (
        (torch.tensor(each, dtype=torch.float64) for each in zip(*pairs, strict=True))
        if pairs
        else [torch.empty(0, dtype=torch.float64)] * 2
    )
    assert furthest(one, other) == max((abs(a - b) for a, b in pairs), default=0.0)
    assert largest(one) == max((abs(a) for a, _ in pairs), default=0.0)


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [([INF, 1], [INF, 3], 2), ([-INF], [-INF], 0), ([INF], [-INF], INF), ([1.0], [INF], INF)],
)
def test_equal_infinities_are_not_apart(one: list[float], other: list[float], apart: float) -> None:
    assert furthest(torch.tensor(one), torch.tensor(other)) == apart
    assert largest(torch.tensor([*one, 7.0])) == 7


def test_a_number_that_is_not_defined_is_no_other() -> None:
    one, other = torch.tensor([NAN, 1.0]), torch.tensor([0.0, 1.0])
    assert math.isnan(furthest(one, other, equal_nan=True))
    assert math.isnan(furthest(one, one))
    assert furthest(one, one, equal_nan=True) == 0
    assert largest(one) == 1


def test_whole_numbers_and_truth_values() -> None:
    assert furthest(torch.tensor([0, 3], dtype=torch.uint8), torch.tensor([1, 1], dtype=torch.uint8)) == 2
    assert furthest(torch.tensor([True]), torch.tensor([False])) == 1


@pytest.mark.parametrize(
    "tensor",
    [
        torch.tensor([NAN, INF]),
        torch.tensor(2**60),
        torch.tensor([1.0]).to(torch.float8_e4m3fn),
        torch.tensor([True]),
        torch.zeros(1).expand(3),
    ],
)
def test_the_same_bits_are_the_same_in_every_format(tensor: torch.Tensor) -> None:
    assert is_same(tensor, tensor.clone())
    other = tensor.clone()
    other.view(-1)[:1] = torch.tensor([0.5 if tensor.is_floating_point() else 0]).to(tensor.dtype)
    assert not is_same(tensor, other)


def test_large_whole_numbers_that_differ_by_one_are_others() -> None:
    assert not is_same(torch.tensor(2**60), torch.tensor(2**60 + 1))
