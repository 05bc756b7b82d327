import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from amc.graph.rounding import choices

many = settings(max_examples=300, derandomize=True, deadline=None)
units = st.integers(2, 3000)
sparsities = st.floats(0.01, 0.99)


@many
@given(units, st.integers(1, 64), st.none() | st.integers(1, 64), sparsities)
def test_something_stays_and_everything_may(
    units: int, channels_per_unit: int, round_to: int | None, max_sparsity: float
) -> None:
    found = choices(units, channels_per_unit, round_to, max_sparsity)
    assert found[0] > 0
    assert found[-1] == units
    assert list(found) == sorted(set(found))


@many
@given(units, st.integers(1, 64), st.integers(1, 64), sparsities)
def test_channels_left_are_multiples(units: int, channels_per_unit: int, round_to: int, max_sparsity: float) -> None:
    found = choices(units, channels_per_unit, round_to, max_sparsity)
    fitting = [count for count in range(1, units) if count * channels_per_unit % round_to == 0]
    assert [count for count in fitting if count >= (1 - max_sparsity) * units - 1e-6] == list(found[:-1])


@many
@given(units, st.none() | st.integers(1, 64), sparsities)
def test_no_more_is_cut_than_allowed(units: int, round_to: int | None, max_sparsity: float) -> None:
    found = choices(units, 1, round_to, max_sparsity)
    assert found[0] >= (1 - max_sparsity) * units - 1e-6
    step = min(b - a for a, b in zip((0, *found), found, strict=False))
    assert found[0] <= max(math.ceil((1 - max_sparsity) * units) + max(step, round_to or 8), step)


@many
@given(units)
@example(16)
@example(127)
@example(128)
@example(255)
def test_by_itself_it_takes_the_largest_step_that_leaves_sixteen_choices(units: int) -> None:
    least = 0.999999 / units  # of one unit only: all multiples of the step are there
    found = choices(units, 1, None, 1 - least)
    step = found[0]
    assert step in (1, 2, 4, 8)
    assert list(found[:-1]) == list(range(step, units, step))
    assert len(found) >= 16 or step == 1
    assert step == 8 or units // (2 * step) < 16


@pytest.mark.parametrize(("width", "step"), [(2, 1), (16, 1), (31, 1), (32, 2), (64, 4), (127, 4), (128, 8), (2048, 8)])
def test_steps_by_width(width: int, step: int) -> None:
    found = choices(width, 1, None, 0.8)
    assert found[1] - found[0] == step


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((10, 1, 1, 0.8), (2, 3, 4, 5, 6, 7, 8, 9, 10)),  # 0.2 * 10 is 1.9999999999999996 in floating point
        ((10, 1, 4, 0.8), (4, 8, 10)),
        ((12, 4, 8, 0.5), (6, 8, 10, 12)),  # two units of four channels make eight
        ((6, 1, 8, 0.8), (6,)),
        ((8, 1, 8, 0.8), (8,)),
        ((5, 3, 2, 0.9), (2, 4, 5)),
    ],
)
def test_choices_by_hand(given: tuple[int, int, int, float], expected: tuple[int, ...]) -> None:
    assert choices(*given) == expected
