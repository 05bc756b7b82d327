"""Changes of weights, against an ordinary least-squares routine."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from amc.recovery.least_squares import (
    LEAST_BLOCK,
    RIDGE,
    RIDGES,
    NormalEquations,
    Problem,
    SampleRows,
    best_change,
    best_ridge,
    gram_matrix,
    solve_positive,
)


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


@settings(deadline=None, max_examples=60)
@given(
    rows=st.integers(1, 30),
    unknowns=st.integers(1, 20),
    share=st.floats(0, 1),
    seed=st.integers(0, 1000),
    few=st.booleans(),
)
def test_on_what_is_held_out_no_ridge_and_no_change_is_better(
    rows: int, unknowns: int, share: float, seed: int, few: bool
) -> None:
    form: type[Problem] | Callable[[Tensor, Tensor], Problem] = SampleRows if few else normal
    truth = share * noise(1, unknowns, 2, seed=seed)
    x, held = noise(1, rows, unknowns, seed=seed + 1), noise(1, 10, unknowns, seed=seed + 2)
    seen = form(x, x @ truth + noise(1, rows, 2, seed=seed + 3))
    lacking = held @ truth + noise(1, 10, 2, seed=seed + 4)
    change = best_change(seen, form(held, lacking))
    left = lacking if change is None else lacking - held @ change
    others = [lacking] + [lacking - held @ seen.change(ridge) for ridge in RIDGES]
    assert left.square().sum() <= (1 + 1e-9) * min(each.square().sum() for each in others)


@pytest.mark.parametrize("size", [3, 2 * LEAST_BLOCK - 1, 4 * LEAST_BLOCK + 3])
def test_products_of_columns_are_those_of_a_plain_product(size: int) -> None:
    rows = noise(2, 40, size)
    gram = gram_matrix(rows)
    torch.testing.assert_close(gram, torch.einsum("gni,gnj->gij", rows, rows))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_equations_are_solved_whether_or_not_their_matrix_is_positive(sign: float) -> None:
    x = noise(2, 30, 10)
    matrix, right = sign * (x.transpose(1, 2) @ x), noise(2, 10, 3, seed=1)
    torch.testing.assert_close(matrix @ solve_positive(matrix, right), right)


def test_some_of_the_rows_have_the_solution_that_they_have_alone() -> None:
    x, lacking, rows = noise(2, 12, 20), noise(2, 12, 3, seed=1), torch.tensor([0, 3, 4, 11])
    part = SampleRows(x, lacking).taken(rows)
    torch.testing.assert_close(part.change(RIDGE), SampleRows(x[:, rows], lacking[:, rows]).change(RIDGE))
