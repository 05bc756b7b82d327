import gc
import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amc.latency.timing import LEAST_ROUNDS, Timer, Timing, measure, median_interval, no_collection, wall_timer

many = settings(max_examples=60, derandomize=True, deadline=None)


class Machine:
    """A clock that moves only while networks run, and how slow the machine is at a time."""

    def __init__(self, slowness: Callable[[float], float] = lambda _: 1.0) -> None:
        self.now = 0.0
        self.blocks: list[str] = []
        self._slowness = slowness

    def clock(self) -> float:
        return self.now

    def timer(self, name: str, seconds: float, noise: Sequence[float] = (1.0,)) -> Timer:
        factors = itertools.cycle(noise)

        def run() -> None:
            self.now += seconds * next(factors) * self._slowness(self.now)

        timed = wall_timer(run, self.clock)

        def timer(passes: int) -> Sequence[float]:
            self.blocks.append(name)
            return timed(passes)

        return timer

    def measure(self, *timers: Timer, precision: float = 0.01, limit: float = 60.0) -> Timing:
        return measure(timers, precision, limit, self.clock)


def test_latency_is_in_ms_and_ratios_are_to_the_first() -> None:
    machine = Machine()
    timing = machine.measure(machine.timer("original", 0.004), machine.timer("pruned", 0.003))
    assert [each.value for each in timing.latencies] == pytest.approx([4.0, 3.0])
    assert [each.value for each in timing.ratios] == pytest.approx([1.0, 0.75])
    assert timing.rounds == LEAST_ROUNDS


def test_a_clock_that_drifts_leaves_the_ratio() -> None:
    machine = Machine(lambda now: 1.0 + now / 2)
    timing = machine.measure(machine.timer("original", 0.004), machine.timer("pruned", 0.003))
    assert timing.latencies[0].spread > 0.05
    assert timing.ratios[1].value == pytest.approx(0.75, rel=0.02)


def test_single_slow_passes_do_not_count() -> None:
    machine = Machine()
    timing = machine.measure(machine.timer("only", 0.005, (1.0, 1.0, 50.0, 1.0, 1.0)))
    assert timing.latencies[0].value == pytest.approx(5.0)


def test_networks_take_turns_in_turned_order() -> None:
    machine = Machine()
    machine.measure(machine.timer("a", 0.2), machine.timer("b", 0.2))
    assert "".join(machine.blocks[:8]) == "ababbaab"  # warm-up first


def test_noise_is_measured_until_the_precision_is_reached() -> None:
    noise = np.random.default_rng(0).uniform(0.8, 1.2, 10_007).tolist()
    rounds = []
    for precision in (0.1, 0.02):
        machine = Machine()
        timing = machine.measure(machine.timer("only", 0.02, noise), precision=precision, limit=1e6)
        assert timing.spread <= precision
        assert timing.latencies[0].value == pytest.approx(20.0, rel=2 * precision)
        rounds.append(timing.rounds)
    assert rounds[0] < rounds[1]


def test_the_time_limit_ends_it() -> None:
    noise = np.random.default_rng(0).uniform(0.5, 1.5, 10_007).tolist()
    machine = Machine()
    timing = machine.measure(machine.timer("only", 0.02, noise), precision=1e-6, limit=3.0)
    assert timing.spread > 1e-6
    assert 3.0 <= machine.now < 3.2
    slow = Machine()
    only = slow.measure(slow.timer("only", 10.0), limit=1.0)
    assert (only.rounds, only.spread) == (1, math.inf)  # one block says nothing of the precision


def coverage(count: int, outside: int) -> float:
    """Chance that the median lies between the ordered values that leave so many out at each end."""
    return 1 - 2 * sum(math.comb(count, k) for k in range(outside + 1)) / 2**count


@many
@given(st.lists(st.floats(0.001, 1000), min_size=1, max_size=60))
def test_the_interval_is_the_narrowest_with_its_confidence(values: list[float]) -> None:
    found = median_interval(values)
    ordered = sorted(values)
    assert found.value == pytest.approx(np.median(values))
    assert found.low <= found.value <= found.high
    count = len(values)
    outside = max((k for k in range(count // 2) if coverage(count, k) >= 0.95), default=0)
    assert (found.low, found.high) == (ordered[outside], ordered[-1 - outside])


def test_garbage_is_not_collected_within_a_block() -> None:
    seen = []

    def timer(passes: int) -> Sequence[float]:
        seen.append(gc.isenabled())
        return [0.1] * passes

    measure([timer], 0.01, 0.0)
    assert not seen[-1]
    assert gc.isenabled()
    gc.disable()
    try:
        with no_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
