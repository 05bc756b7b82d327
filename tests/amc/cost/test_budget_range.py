"""Ranges of budgets, as they are written and refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amc.cost.budget_range import read_range
from amc.utils.errors import UserError

HUNDREDTHS = st.integers(1, 100).map(lambda each: each / 100)
KINDS = st.sampled_from(["macs", "params", "memory"])


@given(KINDS, HUNDREDTHS, HUNDREDTHS)
def test_two_shares_are_a_range_where_they_ascend(kind: str, low: float, high: float) -> None:
    text = f"{kind}={low:g}:{high:g}"
    if low >= high:
        with pytest.raises(UserError, match="expected two shares in"):
            read_range(text)
        return
    found = read_range(text)
    assert found is not None
    assert (found.kind, found.low, found.high, str(found)) == (kind, low, high, text)
    first, middle, last = found.points(None) if high - low > 0.015 else (low, low, high)
    assert (first, last) == (low, high)
    assert low <= middle <= high
    assert abs(middle - (low + high) / 2) <= 0.01


@given(st.text(st.characters(exclude_characters=":")))
def test_a_text_without_a_colon_is_no_range(text: str) -> None:
    assert read_range(f"macs={text}") is None
    assert read_range(text) is None


@given(st.text("0123456789.:-eKM"), st.text("0123456789.:-eKM"))
def test_what_is_read_lies_within_zero_and_one(low: str, high: str) -> None:
    try:
        found = read_range(f"macs={low}:{high}")
    except UserError as error:
        assert "\n" not in str(error)  # noqa: PT017
        return
    assert found is not None
    assert 0 < found.low < found.high <= 1


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_share_is_rounded_within_the_range(share: float, other: float) -> None:
    found = read_range("macs=0.305:0.795")
    assert found is not None
    for each in (share, other):
        assert found.low <= found.rounded(each) <= found.high
        if found.low + 0.01 <= each <= found.high - 0.01:
            assert abs(found.rounded(each) - each) <= 0.005 + 1e-9


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("macs=0.8:0.3", "expected two shares in .* such as macs=0.3:0.8, got '0.8:0.3'"),
        ("macs=0.3:1.5", "expected two shares in"),
        ("macs=0:0.5", "expected two shares in"),
        ("macs=30M:60M", "expected two shares in"),
        ("macs=0.2:0.4:0.6", "expected two shares in"),
        ("latency=0.3:0.8", "give a single budget of latency"),
        ("mac=0.3:0.8", "unknown budget kind 'mac'; did you mean macs"),
    ],
)
def test_another_range_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_range(text)


def test_points_are_given_once_and_in_order_within_the_range() -> None:
    found = read_range("macs=0.3:0.8")
    assert found is not None
    assert found.points(None) == (0.3, 0.55, 0.8)
    assert found.points([0.7, 0.5, 0.7]) == (0.5, 0.7)
    for points, message in (([0.2, 0.5], "expected points from 0.3 to 0.8, got 0.2"), ([], "got none")):
        with pytest.raises(UserError, match=message):
            found.points(points)
