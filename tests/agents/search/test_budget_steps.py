import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.search.budget_steps import BUDGETS, BudgetSteps

RESOLUTION = 0.022
"""How much more than the least share is found at the most, of what can be saved, where a budget holds for certain."""


def tried(least: float, holds_from: float) -> tuple[list[float], BudgetSteps]:
    """The shares that are tried where all from one on hold, and where that led to."""
    steps, shares = BudgetSteps(least), list[float]()
    for _ in range(BUDGETS):
        if steps.is_done:
            break
        shares.append(steps.share)
        steps.add(holds=steps.share >= holds_from)
    return shares, steps


@given(st.floats(0, 0.9), st.floats(0, 0.98))
def test_they_close_in_on_the_least_share_that_holds(least: float, place: float) -> None:
    holds_from = least + place * (1 - least)
    shares, steps = tried(least, holds_from)
    assert all(least <= share < 1 for share in shares)
    assert holds_from <= steps.lowest <= holds_from + RESOLUTION * (1 - least)
    assert steps.lowest in shares


def test_nothing_below_the_least_is_tried() -> None:
    shares, steps = tried(0.3, 0.0)
    assert shares[-1] == steps.lowest == 0.3
    assert steps.is_done


def test_a_budget_that_failed_by_chance_is_passed_again() -> None:
    steps = BudgetSteps(0.0)
    steps.add(holds=False)  # as a short search may, at 0.5
    for _ in range(BUDGETS - 1):
        steps.add(holds=True)
    assert steps.lowest < 0.3


def test_no_budget_is_dearer_than_one_that_holds() -> None:
    steps = BudgetSteps(0.0)
    steps.add(holds=True)
    for _ in range(BUDGETS - 1):
        assert steps.share < steps.lowest == 0.5
        steps.add(holds=False)
    assert steps.share == pytest.approx(0.5, abs=0.01)
