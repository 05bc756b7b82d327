"""Changes of weights, against an ordinary least-squares routine."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from amc.recovery.least_squares import RIDGE, RIDGES, NormalEquations, Problem, SampleRows, best_ridge


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def normal(x: Tensor, lacking: Tensor) -> NormalEquations:
    return NormalEquations(x.transpose(1, 2) @ x, x.transpose(1, 2) @ lacking)


@settings(deadline=None, max_examples=60)
@given(
    rows=st.integers(1, 30),
    unknowns=st.integers(1, 20),
    outputs=st.integers(1, 4),
    dead=st.integers(0, 5),
    ridge=st.sampled_from(RIDGES),
)
def test_both_forms_predict_what_a_direct_solution_does(
    rows: int, unknowns: int, outputs: int, dead: int, ridge: float
) -> None:
    x, lacking = noise(2, rows, unknowns), noise(2, rows, outputs, seed=1)
    x[:, :, :dead] = 0.0
    for problem in (normal(x, lacking), SampleRows(x, lacking)):
        change = problem.change(ridge)
        for each, part, got in zip(x, lacking, change, strict=True):
            absolute = ridge * each.square().sum() / unknowns
            stacked = torch.cat([each, absolute.sqrt() * torch.eye(unknowns, dtype=torch.float64)])
            target = torch.cat([part, part.new_zeros(unknowns, outputs)])
            wanted = torch.linalg.lstsq(stacked, target, driver="gelsd").solution
            torch.testing.assert_close(each @ got, each @ wanted, rtol=1e-6, atol=1e-6)
            assert torch.isfinite(got).all()
        energy = float((lacking - x @ change).square().sum() - lacking.square().sum())
        assert problem.energy(change) == pytest.approx(energy, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("form", [normal, SampleRows])
def test_the_ridge_follows_what_was_held_out(form: type[Problem]) -> None:
    x, noisy = noise(1, 30, 20), noise(1, 30, 3, seed=1)
    nothing = form(noise(1, 30, 20, seed=2), noise(1, 30, 3, seed=3))
    assert best_ridge(form(x, noisy), nothing) == max(RIDGES)  # there is nothing to learn
    truth = noise(1, 20, 3, seed=4)
    other = noise(1, 30, 20, seed=2)
    assert best_ridge(form(x, x @ truth), form(other, other @ truth)) == min(RIDGES)
    empty = form(x[:, :0], noisy[:, :0])
    assert best_ridge(form(x, noisy), empty) == RIDGE
