import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR

from amc.training.learning_rate import SCHEDULES, cosine, one_cycle

STEPS = 1000
PEAK = 0.5


def optimizer() -> torch.optim.SGD:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], PEAK, momentum=0.9)


def test_one_cycle_is_that_of_torch() -> None:
    theirs = optimizer()
    schedule = OneCycleLR(theirs, PEAK, STEPS, pct_start=0.2)
    for step in range(STEPS):
        group = theirs.param_groups[0]
        ours = one_cycle(step / (STEPS - 1))
        assert PEAK * ours.rate == pytest.approx(group["lr"], abs=0.01 * PEAK)
        assert ours.momentum == pytest.approx(group["momentum"], abs=0.001)
        theirs.step()
        if step < STEPS - 1:
            schedule.step()
    assert theirs.param_groups[0]["lr"] == pytest.approx(PEAK * one_cycle(1.0).rate)


def test_cosine_is_that_of_torch() -> None:
    theirs = optimizer()
    schedule = CosineAnnealingLR(theirs, STEPS)
    for step in range(STEPS):
        assert PEAK * cosine(step / STEPS).rate == pytest.approx(theirs.param_groups[0]["lr"])
        theirs.step()
        schedule.step()


@given(st.sampled_from(sorted(SCHEDULES)), st.floats(0, 1))
def test_no_step_is_above_the_peak_or_backwards(name: str, done: float) -> None:
    value = SCHEDULES[name](done)
    assert 0 <= value.rate <= 1
    assert 0.85 <= value.momentum <= 0.95
