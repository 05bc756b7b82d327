"""How learning rate and momentum change while a network is trained."""

import math
from collections.abc import Callable
from typing import NamedTuple

MOMENTUM = 0.9
LOW_MOMENTUM, HIGH_MOMENTUM = 0.85, 0.95
WARM_UP = 0.2  # of the training, until the learning rate is at its peak
START, END = 1 / 25, 1 / 250_000  # of the peak


class Pace(NamedTuple):
    """What a step takes: `rate` is the share of the peak learning rate."""

    rate: float
    momentum: float


Schedule = Callable[[float], Pace]
"""A function of the share of the training that is done, in [0, 1]."""


def one_cycle(done: float) -> Pace:
    """Up to the peak and far down again, momentum the other way round (Smith and Topin 2018, arXiv:1708.07120)."""
    if done < WARM_UP:
        up = done / WARM_UP
        return Pace(_eased(START, 1.0, up), _eased(HIGH_MOMENTUM, LOW_MOMENTUM, up))
    down = (done - WARM_UP) / (1 - WARM_UP)
    return Pace(_eased(1.0, END, down), _eased(LOW_MOMENTUM, HIGH_MOMENTUM, down))


def cosine(done: float) -> Pace:
    """From the peak down to nothing (Loshchilov and Hutter 2017, arXiv:1608.03983, without restarts)."""
    return Pace(_eased(1.0, 0.0, done), MOMENTUM)


def _eased(start: float, end: float, share: float) -> float:
    """From `start` to `end` along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


SCHEDULES: dict[str, Schedule] = {"one_cycle": one_cycle, "cosine": cosine}
