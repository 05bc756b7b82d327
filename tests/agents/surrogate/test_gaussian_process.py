"""The Gaussian process, against closed formulas and functions that it can't know."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from agents.surrogate.gaussian_process import GaussianProcess, _negative_log_posterior, _prior

GROUPS = 4


def drawn(count: int, seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).random((count, GROUPS))


def truth(inputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each group adds its own, and two of them something together."""
    alone: NDArray[np.float64] = np.exp(1.5 * inputs) @ np.array([2.0, 1.0, 0.5, 0.1])
    return alone + 2 * inputs[:, 0] * inputs[:, 1]


def fitted(inputs: NDArray[np.float64], values: NDArray[np.float64], noise: float = 0.0) -> GaussianProcess:
    process = GaussianProcess()
    each = np.full(len(values), noise)
    process.choose(inputs, values, each)
    process.fit(inputs, values, each)
    return process


@pytest.mark.backward
def test_it_predicts_what_it_has_not_seen_and_knows_how_well() -> None:
    inputs, others = drawn(60, 0), drawn(300, 1)
    process = fitted(inputs, truth(inputs))
    found = process.predict(others)
    errors = found.mean - truth(others)
    assert 1 - errors.var() / truth(others).var() > 0.98
    assert np.mean(np.abs(errors) < 3 * found.deviation) > 0.95
    known = process.predict(inputs)
    np.testing.assert_allclose(known.mean, truth(inputs), atol=0.1 * truth(inputs).std())
    assert known.deviation.mean() < found.deviation.mean()


@pytest.mark.backward
def test_it_is_as_good_as_that_of_scikit_learn() -> None:
    inputs, others = drawn(40, 2), drawn(300, 3)
    kernel = ConstantKernel() * Matern(np.ones(GROUPS), nu=2.5) + WhiteKernel(1e-3, (1e-6, 1.0))
    other = GaussianProcessRegressor(kernel, normalize_y=True, random_state=0).fit(inputs, truth(inputs))
    ours = fitted(inputs, truth(inputs)).predict(others).mean - truth(others)
    theirs = other.predict(others) - truth(others)
    assert np.square(ours).mean() < 1.2 * np.square(theirs).mean()


@pytest.mark.backward
def test_values_with_noise_of_their_own_count_less() -> None:
    inputs = np.repeat(drawn(20, 4), 2, axis=0)
    values = truth(inputs)
    values[::2] += 5.0
    noise = np.where(np.arange(40) % 2 == 0, 50.0, 0.0)
    process = GaussianProcess()
    process.choose(inputs, values, noise)
    process.fit(inputs, values, noise)
    assert np.abs(process.predict(inputs[1::2]).mean - values[1::2]).mean() < 0.5


@pytest.mark.backward
@given(st.data())
@settings(max_examples=25)
def test_whatever_the_values_are_it_predicts_numbers(data: st.DataObject) -> None:
    """Policies that are scored twice, and all but one of equal worth, leave next to nothing to choose by."""
    count = data.draw(st.integers(2, 12))
    inputs = data.draw(arrays(np.float64, (count, GROUPS), elements=st.sampled_from([0.0, 0.5, 1.0])))
    values = data.draw(arrays(np.float64, count, elements=st.sampled_from([-2.3, -1.0, -0.1, -1e-9, 0.0])))
    found = fitted(inputs, values).predict(drawn(5, 0))
    assert np.isfinite(found.mean).all()
    assert np.isfinite(found.deviation).all()


@pytest.mark.parametrize("far", [50.0, -50.0, 1e6])
def test_a_fit_that_goes_astray_can_still_be_told_how_bad_it_is(far: float) -> None:
    """As a line search may on its way; covariances would not be those of any function there."""
    prior, inputs = _prior(GROUPS), torch.as_tensor(drawn(30, 0))
    distances = (inputs[:, None] - inputs[None]).abs()
    nothing = torch.zeros(30, dtype=torch.float64)
    logs = prior + far
    worse = _negative_log_posterior(logs, prior, distances, torch.as_tensor(truth(drawn(30, 0))), nothing)
    usual = _negative_log_posterior(prior, prior, distances, torch.as_tensor(truth(drawn(30, 0))), nothing)
    assert usual < worse < np.inf
