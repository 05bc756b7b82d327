"""The latency of networks with a confidence interval: blocks of passes take turns, and medians over blocks count.

It needs the standard library alone: it also runs on devices, by Python 3.8 and later.
"""

from __future__ import annotations

import contextlib
import gc
import math
import statistics
import time
from typing import Callable, Iterator, NamedTuple, Sequence

Timer = Callable[[int], Sequence[float]]
"""A function that runs a network that many times, and returns the seconds that each pass took."""

WARM_UP_SECONDS = 0.1
"""The seconds of passes of each network before anything counts."""
BLOCK_SECONDS = 0.02
"""The seconds that a block of passes is to take."""
PASSES = 3, 1000
"""The fewest and the most passes in a block."""
LEAST_ROUNDS = 10
"""The number of rounds (a block of each network) before the interval is looked at, then after half as many more."""
CONFIDENCE = 0.95
"""The confidence of intervals."""
FEWEST = 6
"""The fewest blocks for an interval of that confidence: it is their whole range."""


class Estimate(NamedTuple):
    """A median over blocks, and the interval that holds the true one with a confidence of `CONFIDENCE`.

    Attributes:
        value: The median.
        low: The lower end of the interval.
        high: The upper end of the interval.
    """

    value: float
    low: float
    high: float

    @property
    def spread(self) -> float:
        """The farther end of the interval from the value, relative to it."""
        return max(self.high - self.value, self.value - self.low) / self.value


class Timing(NamedTuple):
    """The latencies of networks that were measured against each other.

    Attributes:
        latencies: The latency of each network, in ms.
        ratios: The ratio of each network's latency to the first one's.
        rounds: The number of blocks of each network.
    """

    latencies: list[Estimate]
    ratios: list[Estimate]
    rounds: int

    @property
    def spread(self) -> float:
        """The largest relative spread of the ratios, or of the latency of a single network.

        It is infinite where there are too few blocks for an interval.
        """
        if self.rounds < FEWEST:
            return math.inf
        compared = self.ratios[1:] or self.latencies
        return max(each.spread for each in compared)


def measure(
    timers: Sequence[Timer], precision: float, limit: float, clock: Callable[[], float] = time.perf_counter
) -> Timing:
    """Measure networks against each other until the intervals are narrow enough.

    Every round times one block of each network, in turned order, so that what slows the machine for longer than a
    round slows all of them; a ratio is taken within its round. A block counts by the median of its passes.

    Args:
        timers: A timer for each network.
        precision: The wanted `Timing.spread`, such as 0.01.
        limit: The seconds after which no further round begins, warm-up included; one round is always done.
        clock: Gives the seconds since any origin.
    """
    end = clock() + limit
    passes = [_passes(timer, clock) for timer in timers]
    rounds: list[list[float]] = []
    look = LEAST_ROUNDS
    while True:
        block = [0.0] * len(timers)
        order = range(len(timers)) if len(rounds) % 2 == 0 else reversed(range(len(timers)))
        for index in order:
            with no_collection():
                times = timers[index](passes[index])
            block[index] = statistics.median(times)
        rounds.append(block)
        if clock() >= end:
            return _timing(rounds)
        if len(rounds) == look:
            timing = _timing(rounds)
            if timing.spread <= precision:
                return timing
            look = len(rounds) * 3 // 2  # seldom: an interval that is narrow by chance would end it too early


def median_interval(values: Sequence[float]) -> Estimate:
    """The median and its interval between two order statistics, which assumes no distribution (by the sign test).

    Fewer than `FEWEST` values can't give the confidence; then the interval is their whole range.
    """
    ordered = sorted(values)
    outside = _outside(len(ordered))
    return Estimate(statistics.median(ordered), ordered[outside], ordered[-1 - outside])


def wall_timer(run: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> Timer:
    """A timer of a function that has done its work when it returns.

    Args:
        run: The function.
        clock: Gives the seconds since any origin.
    """

    def timer(passes: int) -> Sequence[float]:
        times = []
        for _ in range(passes):
            start = clock()
            run()
            times.append(clock() - start)
        return times

    return timer


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """A context in which Python collects no garbage by itself."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _passes(timer: Timer, clock: Callable[[], float]) -> int:
    """Warm up, and return the number of passes of a block."""
    least, most = PASSES
    end = clock() + WARM_UP_SECONDS
    times = list(timer(least))
    while clock() < end:
        times.extend(timer(least))
    return int(min(max(BLOCK_SECONDS / max(statistics.median(times), 1e-9), least), most))


def _timing(rounds: Sequence[Sequence[float]]) -> Timing:
    networks: Sequence[tuple[float, ...]] = list(zip(*rounds))
    return Timing(
        latencies=[median_interval([1000 * seconds for seconds in times]) for times in networks],
        ratios=[median_interval([mine / first for mine, first in zip(times, networks[0])]) for times in networks],
        rounds=len(rounds),
    )


def _outside(count: int) -> int:
    """The number of `count` ordered values that lie outside the interval at each end."""
    tail, outside = 0.5**count, 0
    while 2 * tail <= 1 - CONFIDENCE:
        outside += 1
        tail += math.comb(count, outside) * 0.5**count
    return max(outside - 1, 0)
