"""Schedules: how learning rate and momentum change while a network is trained."""

import math
from collections.abc import Callable
from typing import NamedTuple

MOMENTUM = 0.9
LOW_MOMENTUM, HIGH_MOMENTUM = 0.85, 0.95
WARM_UP = 0.2  # of the training, until the learning rate is at its peak
START, END = 1 / 25, 1 / 250_000  # of the peak


class ScheduleValue(NamedTuple):
    """The settings of one step of a training.

    Attributes:
        rate: The learning rate, as a share of its peak.
        momentum: The momentum.
    """

    rate: float
    momentum: float


Schedule = Callable[[float], ScheduleValue]
"""A function from the share of the training that is done, in [0, 1], to the settings of the next step."""


def one_cycle(done: float) -> ScheduleValue:
    """The 1cycle schedule: up to the peak and far down again, momentum opposed (Smith, Topin, arXiv:1708.07120)."""
    if done < WARM_UP:
        up = done / WARM_UP
        return ScheduleValue(_eased(START, 1.0, up), _eased(HIGH_MOMENTUM, LOW_MOMENTUM, up))
    down = (done - WARM_UP) / (1 - WARM_UP)
    return ScheduleValue(_eased(1.0, END, down), _eased(LOW_MOMENTUM, HIGH_MOMENTUM, down))


def cosine(done: float) -> ScheduleValue:
    """The cosine schedule from the peak to zero (Loshchilov, Hutter 2017, arXiv:1608.03983, without restarts)."""
    return ScheduleValue(_eased(1.0, 0.0, done), MOMENTUM)


def _eased(start: float, end: float, share: float) -> float:
    """The value between `start` and `end` along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


SCHEDULES: dict[str, Schedule] = {"one_cycle": one_cycle, "cosine": cosine}
"""Schedules by name."""
