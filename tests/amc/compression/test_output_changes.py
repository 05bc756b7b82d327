import itertools
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from amc.analysis.analyse import analyse
from amc.compression import output_changes as module
from amc.compression.compressor import Compressor
from amc.compression.group_features import SHARES, GroupFeatures
from amc.cost.budget import Budgets
from tests.problems import chain

pytestmark = pytest.mark.backward


class Linear(nn.Module):
    """A network without a nonlinearity, so that a second-order model of its outputs is exact; one group has a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 12, 3, padding=1, bias=False)
        self.norm, self.last = nn.BatchNorm2d(12), nn.Linear(12, 6)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.last(self.norm(self.second(self.first(x))).mean(dim=(2, 3)))
        return scores


def mean_of_second(network: Any, images: Tensor) -> Tensor:
    """What a batch norm's mean follows."""
    mean: Tensor = network.second(network.first(images)).mean(dim=(0, 2, 3))
    return mean


def compressor(model: nn.Module, images: Tensor) -> Compressor:
    return Compressor(model.eval(), analyse(model, images[:2]), [images])


def test_it_is_the_error_of_the_outputs_when_one_group_is_cut_and_solved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PASSES", 1500)
    torch.manual_seed(0)
    images, model = torch.randn(4, 3, 6, 6), Linear()
    made = compressor(model, images)
    half = np.maximum(1, made.graph.full // 2)
    found = made.output_changes([made.mask(half)])
    assert found is not None
    whole = model(images)
    for group in made.graph.groups:
        kept_counts = made.graph.full
        kept_counts[group.index] = half[group.index]
        network = cast(Any, made.compact(made.mask(kept_counts), "closed_form")[0])
        with torch.no_grad():
            if group.index == 0:  # then of the norm behind, the mean alone follows what it reads
                network.norm.running_var.copy_(model.norm.running_var)
                network.norm.running_mean.copy_(model.norm.running_mean)
                network.norm.running_mean += mean_of_second(network, images) - mean_of_second(model, images)
            real = (network(images) - whole).square().sum() / whole.square().sum()
        assert found[group.index, 0] == pytest.approx(float(real), rel=0.1)


def test_a_layer_that_reads_two_groups_counts_once() -> None:
    class Joined(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right, self.last = nn.Linear(5, 8), nn.Linear(5, 8), nn.Linear(16, 4)

        def forward(self, x: Tensor) -> Tensor:
            scores: Tensor = self.last(torch.cat([self.left(x), self.right(x)], dim=1))
            return scores

    torch.manual_seed(0)
    model, images = Joined(), torch.randn(40, 5)
    with torch.no_grad():
        model.last.weight[:, 8:] *= 1e-3  # what the second group makes hardly matters
    made = compressor(model, images)
    found = made.output_changes([made.mask(np.array([2, 2]))])
    assert found is not None
    assert found[1, 0] < 1e-3 * found[0, 0]


def test_what_no_gradient_passes_through_is_told() -> None:
    class Opaque(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(5, 8), nn.Linear(8, 4)

        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                scores: Tensor = self.last(self.first(x).relu())
            return scores

    made = compressor(Opaque(), torch.randn(40, 5))
    assert made.output_changes([made.mask(np.array([4]))]) is None


def test_the_policy_has_the_least_sum_of_changes_of_all() -> None:
    graph = chain((16, 16, 16), residual=False, round_to=4, max_sparsity=0.8)  # widths of 4, 8, 12 and 16
    budgets = Budgets(graph, ["macs=0.5"])
    rng = np.random.default_rng(0)
    for _ in range(20):
        changes = np.sort(rng.exponential(size=(3, len(SHARES))) ** 2, axis=1)[:, ::-1]
        found = GroupFeatures(changes, changes, changes, np.tile(SHARES, (3, 1))).least_change(budgets)
        curves = [dict(zip((4, 8, 12, 16), (*each, 0.0), strict=True)) for each in changes]

        def loss(policy: tuple[int, ...], curves: list[dict[int, float]] = curves) -> float:
            return sum(curve[keep] for curve, keep in zip(curves, policy, strict=True))

        allowed = [each for each in itertools.product((4, 8, 12, 16), repeat=3) if budgets.allows(np.array(each))]
        assert loss(tuple(found.tolist())) == pytest.approx(min(map(loss, allowed)), rel=0.05)


def test_without_knowledge_it_is_the_uniform_policy() -> None:
    graph = chain((16, 24), residual=False, round_to=None, max_sparsity=0.8)
    budgets = Budgets(graph, ["macs=0.5"])
    np.testing.assert_array_equal(GroupFeatures.unknown(graph).least_change(budgets), budgets.scale(np.ones(2)))
