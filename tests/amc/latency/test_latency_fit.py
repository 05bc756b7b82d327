"""The fit of whole networks: what it is fitted to is made up of parts that are known."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from amc.cost.costs import written_elements
from amc.latency.latency_fit import OFF, LatencyTerms, MeasuredNetwork, PredictedLatency, fit, relative_errors
from amc.latency.random_kept_counts import random_kept_counts
from amc.pruning.slicing import choose_units, compact, make_selection
from tests.architectures import PRUNABLE
from tests.oracles import prepared

MODEL, GRAPH = prepared("squeeze_excite")
ORIGINAL = 5.0


def layers(kept_counts: np.ndarray) -> float:
    """A staircase, as a table gives it."""
    return float((-(-kept_counts // 4)).sum()) / 10


PARTS = LatencyTerms.of(GRAPH, layers)
WHOLE = PARTS(GRAPH.full)


def cost_with(factors: np.ndarray) -> PredictedLatency:
    return PredictedLatency(PARTS, WHOLE, ORIGINAL, factors)


def networks(factors: np.ndarray, noise: float = 0.0) -> list[MeasuredNetwork]:
    rng = np.random.default_rng(0)
    cost = cost_with(factors)
    return [
        MeasuredNetwork(kept_counts, cost(kept_counts) / ORIGINAL * (1 + noise * rng.normal()))
        for kept_counts in random_kept_counts(GRAPH, 24, 1)
    ]


@pytest.mark.parametrize("share", [(0.3, 0.3), (0.0, 0.5), (0.6, 0.0), (0.0, 0.0)])
def test_factors_that_made_the_latencies_are_found(share: tuple[float, float]) -> None:
    factors = np.array(share) * ORIGINAL / WHOLE
    found = fit(PARTS, GRAPH.full, ORIGINAL, networks(factors))
    assert found * WHOLE == pytest.approx(factors * WHOLE, abs=1e-6)


def test_noise_is_averaged_out() -> None:
    factors = np.array([0.4, 0.2]) * ORIGINAL / WHOLE
    cost = cost_with(fit(PARTS, GRAPH.full, ORIGINAL, networks(factors, noise=0.03)))
    assert relative_errors(cost, ORIGINAL, networks(factors)).max() < 0.03


@given(seed=st.integers(0, 2**16))
def test_no_factor_is_negative_and_no_smaller_one_fits_better(seed: int) -> None:
    rng = np.random.default_rng(seed)
    measured = [MeasuredNetwork(each, rng.uniform(0.2, 1.2)) for each in random_kept_counts(GRAPH, 6, seed)]
    factors = fit(PARTS, GRAPH.full, ORIGINAL, measured)
    assert (factors >= 0).all()

    def error(of: np.ndarray) -> float:
        saved = np.array([of @ (WHOLE - PARTS(each.kept_counts)) for each in measured])
        shares = np.array([each.share for each in measured])
        off = np.abs((ORIGINAL - saved) / (ORIGINAL * shares) - 1)
        return float(np.where(off < OFF, off**2 / 2, OFF * off - OFF**2 / 2).sum())

    for index in range(2):
        for step in (-0.01, 0.01):
            moved = factors.copy()
            moved[index] = max(0.0, moved[index] + step * ORIGINAL / WHOLE[index])
            assert error(moved) >= 0.99 * error(factors) - 1e-9


def test_the_original_takes_what_was_measured_and_less_is_never_slower() -> None:
    cost = cost_with(np.array([0.5, 0.1]) * ORIGINAL / WHOLE)
    assert cost(GRAPH.full) == ORIGINAL
    for kept_counts in random_kept_counts(GRAPH, 20, 3):
        for index in np.flatnonzero(kept_counts > 1):
            fewer = kept_counts.copy()
            fewer[index] -= 1
            assert 0 < cost(fewer) <= cost(kept_counts)


def test_what_is_written_is_what_the_layers_of_the_compact_network_return() -> None:
    kept_counts = random_kept_counts(GRAPH, 1, 5)[0]
    network = compact(MODEL, make_selection(GRAPH, MODEL, choose_units(GRAPH, np.zeros(GRAPH.unit_count), kept_counts)))
    sizes: list[int] = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(lambda *given: sizes.append(given[2].numel()))
    with torch.no_grad():
        network(PRUNABLE["squeeze_excite"].example()[:1])
    assert written_elements(GRAPH)(kept_counts) == sum(sizes)


def test_a_network_that_was_disturbed_moves_nothing() -> None:
    true = np.array([0.6, 0.2]) * ORIGINAL / WHOLE
    cost = cost_with(true)
    measured = [MeasuredNetwork(each, cost(each) / ORIGINAL) for each in random_kept_counts(GRAPH, 24, 0)]
    measured[3] = MeasuredNetwork(measured[3].kept_counts, 1.6 * measured[3].share)
    fitted = cost_with(fit(PARTS, GRAPH.full, ORIGINAL, measured))
    assert relative_errors(fitted, ORIGINAL, measured[4:]).max() < 0.02
