from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from amc.recovery import reconstruction, reconstructor
from amc.recovery.calibration import collect_moments
from amc.recovery.reconstructor import Reconstructor
from tests.architectures import PRUNABLE
from tests.oracles import prepared


def half(name: str) -> tuple[Reconstructor, np.ndarray]:
    model, graph = prepared(name)
    images = torch.randn(12, *PRUNABLE[name].input_shape, generator=torch.Generator().manual_seed(0))
    moments = collect_moments(model, graph, [images], len(images), seed=0)
    return Reconstructor(model, graph, moments), np.arange(graph.unit_count) % 2 == 0


def counted(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The weights that were solved from now on."""
    calls: list[Tensor] = []

    def solve(weight: Tensor, *others: Any) -> reconstruction.Solved:
        calls.append(weight)
        return reconstruction.solve(weight, *others)

    monkeypatch.setattr(reconstructor, "solve", solve)
    return calls


@pytest.mark.parametrize("name", PRUNABLE)
def test_new_weights_are_cut_along_their_inputs_only(name: str) -> None:
    model, graph = prepared(name)
    solver, mask = half(name)
    for key, weight in solver.weights(mask, norms_follow=True).items():
        original = model.get_parameter(key)
        if original.ndim == 1:
            assert weight.shape == original.shape
            continue
        layer = next(layer for layer in graph.layers if layer.weight == key)
        expected = list(original.shape)
        expected[layer.in_dimension] = len(layer.weight_in.kept(mask))
        assert list(weight.shape) == expected
        assert weight.dtype == original.dtype


def test_the_same_channels_are_solved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    solver, mask = half("plain")
    calls = counted(monkeypatch)
    first, again = solver.weights(mask, norms_follow=True), solver.weights(mask, norms_follow=True)
    solver.errors(mask)
    assert len(calls) == 2  # conv2 and fc
    assert all(torch.equal(first[key], again[key]) for key in first)
    solver.weights(~mask, norms_follow=True)
    assert len(calls) == 4


def test_the_cache_forgets_what_was_used_longest_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    solver, mask = half("plain")
    calls = counted(monkeypatch)
    monkeypatch.setattr(reconstructor, "CACHE_BYTES", 1)
    kept = [solver.weights(mask, norms_follow=True) for _ in range(2)]
    assert len(calls) == 4
    assert all(torch.equal(kept[0][key], kept[1][key]) for key in kept[0])


def test_large_weights_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    solver, mask = half("plain")
    calls = counted(monkeypatch)
    sizes = sorted(weight.nbytes for weight in solver.weights(mask, norms_follow=True).values() if weight.ndim > 1)
    monkeypatch.setattr(reconstructor, "LARGEST_KEPT", sizes[0])
    other = half("plain")[0]
    for _ in range(2):
        other.weights(mask, norms_follow=True)
    assert len(calls) == 2 + 3  # the larger one twice
