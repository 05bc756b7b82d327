"""Distances of outputs, against PyTorch's own divergence and sums by hand."""

from collections import OrderedDict
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import kl_div

from amc.recovery.output_distance import float_tensors, output_distance, output_errors
from amc.utils.errors import UserError


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_scores_differ_by_the_divergence_of_their_probabilities() -> None:
    output, original = noise(5, 7), noise(5, 7, seed=1)
    wanted = kl_div(output.log_softmax(1), original.softmax(1), reduction="none").sum(1)
    torch.testing.assert_close(output_distance(output, original, ("scores",)), wanted)
    assert output_distance(output, original, ("scores",)).mean() == pytest.approx(
        float(kl_div(output.log_softmax(1), original.softmax(1), reduction="batchmean"))
    )


def test_dense_scores_are_averaged_over_positions() -> None:
    output, original = noise(2, 3, 4, 5), noise(2, 3, 4, 5, seed=1)
    found = output_distance(output, original, ("scores",))
    for image in range(2):
        each = [
            output_distance(output[image, :, y, x][None], original[image, :, y, x][None], ("scores",))
            for y in range(4)
            for x in range(5)
        ]
        assert float(found[image]) == pytest.approx(float(torch.cat(each).mean()))


def test_values_differ_by_their_squared_error_over_the_energy_of_the_batch() -> None:
    original = torch.tensor([[3.0, 4.0], [1.0, 0.0]])  # energies 25 and 1, 13 on average
    output = torch.tensor([[3.0, 2.0], [1.0, 1.0]])  # squared errors 4 and 1
    torch.testing.assert_close(output_distance(output, original, ("values",)), torch.tensor([4 / 13, 1 / 13]))


def test_an_output_of_zeros_counts_with_its_squared_error() -> None:
    assert output_distance(torch.tensor([[2.0]]), torch.zeros(1, 1), ("values",)).tolist() == [4.0]
    assert output_distance(torch.zeros(1, 1), torch.zeros(1, 1), ("values",)).tolist() == [0.0]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda a, b, c: (a, {"boxes": b, "count": c}),
        lambda a, b, c: [a, [c, b]],
        lambda a, b, c: OrderedDict(logits=a, aux=(b, c)),
        lambda a, b, c: SimpleNamespace(logits=a, aux=b, count=c),
    ],
)
def test_outputs_may_be_nested_and_integers_are_ignored(wrap: Any) -> None:
    scores, values = noise(3, 4), noise(3, 2, 2, seed=1)
    others = noise(3, 4, seed=2), noise(3, 2, 2, seed=3)
    one, other = wrap(scores, values, torch.zeros(3).long()), wrap(*others, torch.ones(3).long())
    wanted = [
        output_distance(scores, others[0], ("scores",)),
        output_distance(values, others[1], ("values",)),
    ]
    torch.testing.assert_close(output_distance(one, other, ("scores", "values")), sum(wanted) / 2)
    assert [tensor.shape for tensor in float_tensors(one)] == [(3, 4), (3, 2, 2)]


def test_an_output_without_a_row_for_each_image_counts_alike_on_all() -> None:
    anchors = torch.ones(7, 4)
    found = output_distance((torch.zeros(3, 2), anchors + 1), (torch.zeros(3, 2), anchors), ("values", "values"))
    torch.testing.assert_close(found, torch.full((3,), 0.5))


@given(st.integers(1, 4), st.integers(1, 5), st.sampled_from(["scores", "values"]), st.floats(0, 30), st.booleans())
def test_equal_outputs_are_nought_apart_and_none_are_nearer(
    images: int, width: int, kind: str, scale: float, is_half: bool
) -> None:
    dtype = torch.bfloat16 if is_half else torch.float32
    original, change = ((scale * noise(images, width, seed=seed)).to(dtype) for seed in (0, 1))
    assert output_distance(original, original, (kind,)).tolist() == [0.0] * images
    found = output_distance(original + change, original, (kind,))
    assert found.shape == (images,)
    assert found.dtype == torch.float32
    assert (found >= 0).all()


def test_other_shapes_are_refused_with_both() -> None:
    with pytest.raises(UserError, match=r"expected outputs of shapes \(2, 3\), .* got \(2, 4\)"):
        output_errors(torch.zeros(2, 4), torch.zeros(2, 3), ("values",))
    with pytest.raises(UserError, match=r"got \(2, 3\), \(2, 3\)"):
        output_errors((torch.zeros(2, 3),) * 2, torch.zeros(2, 3), ("values",))


@pytest.mark.backward
def test_gradients_are_those_of_finite_differences() -> None:
    original = noise(2, 3), noise(2, 3, 2, seed=1), noise(2, 2, seed=2)
    start = tuple(noise(*each.shape, seed=5).requires_grad_() for each in original)

    def distance(*outputs: Tensor) -> Tensor:
        return output_distance(outputs, original, ("scores", "scores", "values"))

    assert torch.autograd.gradcheck(distance, start)
