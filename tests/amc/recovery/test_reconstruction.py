"""Least squares for consumers that lost inputs, against the same problems written out in rows."""

import pytest
import torch
from torch import Tensor

from amc.recovery.calibration import Moments
from amc.recovery.least_squares import RIDGE
from amc.recovery.reconstruction import Solved, relative_error, solve


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def correlated(groups: int, count: int, inputs: int) -> Tensor:
    """Rows `(groups, count, inputs + 1)` whose inputs explain each other in part; a column of ones at the end."""
    rows = noise(groups, count, inputs) @ noise(inputs, inputs, seed=1) + noise(inputs, seed=2)
    return torch.cat([rows, torch.ones(groups, count, 1)], 2)


def moments(rows: Tensor, form: str) -> Moments:
    double = rows.double()
    return Moments(gram=double.transpose(1, 2) @ double) if form == "gram" else Moments(rows=rows)


def columns(kept: Tensor, taps: int) -> list[int]:
    """Where the taps of the kept inputs lie in a row."""
    return [position * taps + tap for position in kept.tolist() for tap in range(taps)]


def solved_in_rows(rows: Tensor, weight: Tensor, kept: Tensor, with_bias: bool) -> tuple[Tensor, Tensor]:
    """Minimise `|X_S D - X_R W_R|^2 + ridge |D|^2` by an ordinary least-squares routine, group by group."""
    out, inputs, *kernel = weight.shape
    taps, groups = int(torch.tensor(kernel).prod()) if kernel else 1, len(rows)
    inside = columns(kept, taps)
    outside = [place for place in range(inputs * taps) if place not in inside]
    weights, shifts = [], []
    for x, flat in zip(rows.double(), weight.double().reshape(groups, out // groups, -1), strict=True):
        left = x[:, [*inside, -1]] if with_bias else x[:, inside]
        ridge = RIDGE * left.square().sum() / left.shape[1]
        stacked = torch.cat([left, ridge.sqrt() * torch.eye(left.shape[1], dtype=torch.float64)])
        wanted = x[:, outside] @ flat[:, outside].T
        wanted = torch.cat([wanted, wanted.new_zeros(left.shape[1], out // groups)])
        change = torch.linalg.lstsq(stacked, wanted).solution
        weights.append((flat[:, inside] + change[: len(inside)].T).reshape(-1, len(kept), *kernel))
        shifts.append(change[-1] if with_bias else change.new_zeros(out // groups))
    return torch.cat(weights).float(), torch.cat(shifts).float()


SHAPES = {"linear": (4, 7), "1 x 1": (4, 7, 1, 1), "3 x 3": (4, 7, 3, 3), "signal": (3, 7, 5)}
KEPT = torch.tensor([0, 2, 3, 6])


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("form", ["gram", "rows"])
@pytest.mark.parametrize("kind", SHAPES)
def test_solutions_are_those_of_least_squares_with_a_ridge(kind: str, form: str, with_bias: bool) -> None:
    weight = noise(*SHAPES[kind], seed=3)
    rows = correlated(1, 200 if form == "gram" else 6, weight[0].numel())
    got = solve(weight, moments(rows, form), KEPT, with_bias)
    wanted = solved_in_rows(rows, weight, KEPT, with_bias)
    assert got[0].shape == (weight.shape[0], 4, *weight.shape[2:])
    for a, b in zip(got, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)
    assert got[1].any() == with_bias


@pytest.mark.parametrize("form", ["gram", "rows"])
def test_each_group_of_a_grouped_convolution_is_solved_for_itself(form: str) -> None:
    weight = noise(6, 5, 3, 3, seed=3)  # three groups of two outputs and five inputs
    rows = correlated(3, 200 if form == "gram" else 20, 45)
    kept = torch.tensor([1, 4])
    got = solve(weight, moments(rows, form), kept, with_bias=True)
    for a, b in zip(got, solved_in_rows(rows, weight, kept, with_bias=True), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)
    alone = solve(weight[2:4], moments(rows[1:2], form), kept, with_bias=True)
    torch.testing.assert_close(got[0][2:4], alone[0])
    torch.testing.assert_close(got[1][2:4], alone[1])


@pytest.mark.parametrize("with_bias", [True, False])
def test_without_a_ridge_it_is_plain_least_squares(with_bias: bool) -> None:
    weight, rows = noise(4, 7, seed=3), correlated(1, 300, 7)
    got, shift = solve(weight, moments(rows, "gram"), KEPT, with_bias, ridge=0.0)
    left = rows[0][:, [*KEPT.tolist(), -1] if with_bias else KEPT.tolist()].double()
    wanted = torch.linalg.lstsq(left, rows[0, :, :-1].double() @ weight.double().T).solution.float()
    torch.testing.assert_close(got, wanted[:4].T, rtol=1e-4, atol=1e-5)
    if with_bias:
        torch.testing.assert_close(shift, wanted[4], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", ["gram", "rows"])
def test_both_forms_agree(form: str) -> None:
    weight, rows = noise(4, 7, 3, 3, seed=3), correlated(1, 50, 63)
    got = solve(weight, moments(rows, form), KEPT, with_bias=True)
    other = solve(weight, moments(rows, "rows" if form == "gram" else "gram"), KEPT, with_bias=True)
    torch.testing.assert_close(got[0], other[0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(got[1], other[1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("form", ["gram", "rows"])
def test_dead_inputs_give_finite_weights(form: str) -> None:
    weight, rows = noise(4, 7, seed=3), correlated(1, 20 if form == "gram" else 3, 7)
    rows[:, :, [0, 1, 2]] = 0.0  # of those that stay and of those that go
    got, shift = solve(weight, moments(rows, form), KEPT, with_bias=True)
    assert torch.isfinite(got).all()
    assert torch.isfinite(shift).all()
    torch.testing.assert_close(got[:, 0], weight[:, 0])  # what is never active is left as it was


@pytest.mark.parametrize("form", ["gram", "rows"])
def test_when_every_input_is_dead_the_weights_are_sliced(form: str) -> None:
    weight, rows = noise(4, 7, seed=3), torch.zeros(1, 3, 8)
    rows[:, :, -1] = 1.0
    got, shift = solve(weight, moments(rows, form), KEPT, with_bias=False)
    assert torch.equal(got, weight[:, KEPT])
    assert not shift.any()
    assert relative_error(weight, moments(rows, form), KEPT, Solved(got, shift)) == 0.0


@pytest.mark.parametrize("form", ["gram", "rows"])
def test_nothing_removed_changes_nothing(form: str) -> None:
    weight, rows = noise(4, 7, 3, 3, seed=3), correlated(1, 40, 63)
    got, shift = solve(weight, moments(rows, form), torch.arange(7), with_bias=True)
    assert torch.equal(got, weight)
    assert not shift.any()
    assert relative_error(weight, moments(rows, form), torch.arange(7), Solved(got, shift)) == 0.0


@pytest.mark.parametrize("form", ["gram", "rows"])
@pytest.mark.parametrize("copies", [1.0, -0.5])
def test_what_the_kept_inputs_know_is_removed_without_loss(form: str, copies: float) -> None:
    weight, rows = noise(4, 7, seed=3), correlated(1, 60 if form == "gram" else 6, 7)
    rows[:, :, 1] = copies * rows[:, :, 2] + 0.7  # up to a constant
    kept = torch.tensor([0, 2, 3, 4, 5, 6])
    got, shift = solve(weight, moments(rows, form), kept, with_bias=True)
    before, after = rows[0, :, :-1] @ weight.T, rows[0][:, kept] @ got.T + shift
    assert (before - after).norm() < 0.02 * before.norm()
    assert (before - rows[0][:, kept] @ weight[:, kept].T).norm() > 0.2 * before.norm()  # slicing alone loses much
    assert relative_error(weight, moments(rows, form), kept, Solved(got, shift)) < 1e-3


@pytest.mark.parametrize("form", ["gram", "rows"])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("largest", [2**27, 400, 1])
def test_relative_error_is_what_is_left_of_the_outputs_variance(
    form: str, groups: int, largest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All outputs together, two at a time, one at a time."""
    monkeypatch.setattr("amc.recovery.reconstruction.LARGEST_PART", largest)
    weight, rows = noise(4, 7, 3, seed=3), correlated(groups, 50 if form == "gram" else 9, 21)
    solved, shift = 0.9 * weight[:, KEPT] + 0.05, noise(4, seed=4)
    lost, variance = 0.0, 0.0
    for group, x in enumerate(rows.double()):
        outs = slice(group * 4 // groups, (group + 1) * 4 // groups)
        before = x[:, :-1] @ weight[outs].flatten(1).double().T
        after = x[:, columns(KEPT, 3)] @ solved[outs].flatten(1).double().T + shift[outs]
        lost += float((before - after).square().sum())
        variance += float((before - before.mean(0)).square().sum())
    assert lost < variance
    assert relative_error(weight, moments(rows, form), KEPT, Solved(solved, shift)) == pytest.approx(
        lost / variance, rel=1e-3
    )


def test_relative_error_is_at_most_one() -> None:
    weight, rows = noise(4, 7, seed=3), correlated(1, 50, 7)
    assert relative_error(weight, moments(rows, "gram"), KEPT, Solved(100 * weight[:, KEPT], torch.zeros(4))) == 1.0


def test_the_ridge_is_small() -> None:
    assert 0 < RIDGE <= 1e-2
