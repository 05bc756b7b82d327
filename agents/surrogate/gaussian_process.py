"""A Gaussian process over policies: what each group adds by itself, and what groups do together."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

ITERATIONS = 30
"""The steps by which the hyperparameters are fitted to the data at the most."""
SPREAD = 1.0
"""The deviation of the normal prior on the logarithm of each hyperparameter."""
FARTHEST = 5.0
"""The largest difference of a logarithm from its expectation; beyond, covariances can't be told from singular ones."""
ALONE, TOGETHER, NOISE = 0.5, 0.5, 0.03
"""What each kind of effect is expected to explain of the deviation of the values, all groups taken together."""
LENGTH = 1.0
"""The distance between two inputs, in [0, 1] for each group, over which a group's effect is expected to change."""
JITTER = 1e-6


class Prediction(NamedTuple):
    """What is expected of some policies: the means `(n,)` and deviations `(n,)` of normal distributions."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]


class GaussianProcess:
    """Regression by a Gaussian process (Rasmussen and Williams 2006, chapters 2 and 5) with a kernel of two parts.

    The first is a sum over groups, of what each of them does alone (Duvenaud et al. 2011, "Additive Gaussian
    processes", first order); the second is of all groups together. Both are Matern kernels of order 5/2.
    """

    def __init__(self) -> None:
        self._logs: Tensor | None = None

    def choose(self, inputs: NDArray[np.float64], values: NDArray[np.float64], noise: NDArray[np.float64]) -> None:
        """Choose the hyperparameters that maximise the posterior, given what `fit` takes."""
        x, y, extra = self._scaled(inputs, values, noise)
        prior = _prior(inputs.shape[1])
        logs = prior.clone().requires_grad_()
        distances = (x[:, None] - x[None]).abs()
        optimizer = torch.optim.LBFGS([logs], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            optimizer.zero_grad()
            value = _negative_log_posterior(logs, prior, distances, y, extra)
            value.backward()
            return value

        optimizer.step(loss)
        self._logs = _within(logs.detach(), prior) if bool(torch.isfinite(logs).all()) else prior

    def fit(self, inputs: NDArray[np.float64], values: NDArray[np.float64], noise: NDArray[np.float64]) -> None:
        """Fit to values `(n,)` at inputs `(n, groups)`, with the hyperparameters that were chosen.

        Each value has noise with a deviation of its own `(n,)`, in units of the values, besides that of all.
        """
        assert self._logs is not None, "hyperparameters are chosen first"
        self._x, y, extra = self._scaled(inputs, values, noise)
        distances = (self._x[:, None] - self._x[None]).abs()
        self._factor = _factor(_kernel(self._logs, distances), self._logs, extra)
        self._weights = torch.cholesky_solve(y[:, None], self._factor)

    def _scaled(
        self, inputs: NDArray[np.float64], values: NDArray[np.float64], noise: NDArray[np.float64]
    ) -> tuple[Tensor, Tensor, Tensor]:
        self._offset, self._scale = float(values.mean()), max(float(values.std()), 1e-9)
        x, y = torch.as_tensor(inputs), torch.as_tensor((values - self._offset) / self._scale)
        return x, y, torch.as_tensor((noise / self._scale) ** 2)

    def predict(self, inputs: NDArray[np.float64]) -> Prediction:
        """What is expected at inputs `(n, groups)`, without noise."""
        assert self._logs is not None, "it is fitted first"
        points = torch.as_tensor(inputs)
        across = _kernel(self._logs, (points[:, None] - self._x[None]).abs())
        mean = (across @ self._weights)[:, 0]
        solved = torch.linalg.solve_triangular(self._factor, across.T, upper=False)
        variance = (_variance(self._logs) - solved.square().sum(dim=0)).clamp(min=1e-12)
        return Prediction((mean * self._scale + self._offset).numpy(), (variance.sqrt() * self._scale).numpy())


def _negative_log_posterior(logs: Tensor, prior: Tensor, distances: Tensor, y: Tensor, extra: Tensor) -> Tensor:
    near = _within(logs, prior)
    factor = _factor(_kernel(near, distances), near, extra)
    solved = torch.linalg.solve_triangular(factor, y[:, None], upper=False)
    likelihood = 0.5 * solved.square().sum() + factor.diagonal().log().sum()
    return likelihood + 0.5 * ((logs - prior) / SPREAD).square().sum()


def _within(logs: Tensor, prior: Tensor) -> Tensor:
    """The logarithms, no farther from the expected ones than `FARTHEST`."""
    return prior + (logs - prior).nan_to_num(FARTHEST).clamp(-FARTHEST, FARTHEST)


def _prior(groups: int) -> Tensor:
    """The expected logarithms: deviation of each group alone, of all together and of the noise; then the lengths."""
    alone = [math.log(ALONE / math.sqrt(groups))] * groups
    lengths = [math.log(LENGTH), *[math.log(LENGTH * math.sqrt(groups))] * groups]
    return torch.tensor([*alone, math.log(TOGETHER), math.log(NOISE), *lengths], dtype=torch.float64)


def _kernel(logs: Tensor, distances: Tensor) -> Tensor:
    """The covariances at distances `(n, m, groups)`, `(n, m)`."""
    groups = distances.shape[-1]
    alone, together = (2 * logs[:groups]).exp(), (2 * logs[groups]).exp()
    length, lengths = logs[groups + 2].exp(), logs[groups + 3 :].exp()
    joint = ((distances / lengths).square().sum(dim=-1) + 1e-18).sqrt()
    return (_matern(distances / length) * alone).sum(dim=-1) + together * _matern(joint)


def _matern(distance: Tensor) -> Tensor:
    scaled = math.sqrt(5) * distance
    return (1 + scaled + scaled.square() / 3) * torch.exp(-scaled)


def _variance(logs: Tensor) -> Tensor:
    groups = (len(logs) - 3) // 2
    return (2 * logs[: groups + 1]).exp().sum()


def _factor(kernel: Tensor, logs: Tensor, extra: Tensor) -> Tensor:
    groups = (len(logs) - 3) // 2
    noise = (2 * logs[groups + 1]).exp() + extra + JITTER
    factor: Tensor = torch.linalg.cholesky(kernel + torch.diag(noise))
    return factor
