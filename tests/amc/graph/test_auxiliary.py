"""Heads that run in training mode only are cut where they read channels that are cut."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.analysis.analyse import analyse
from amc.cost.costs import macs
from amc.pruning.slicing import compact, make_selection
from tests.architectures import PRUNABLE, Plain
from tests.oracles import counted_macs, randomise, run

IMAGES = PRUNABLE["plain"].example()


class Auxiliary(nn.Module):
    """Depthwise and pointwise convolutions, then linear layers, as GoogLeNet and MobileNets have them."""

    def __init__(self) -> None:
        super().__init__()
        self.dw, self.pw = nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Conv2d(8, 6, 1)
        self.norm = nn.BatchNorm2d(6)
        self.fc1, self.fc2 = nn.Linear(6 * 4, 7), nn.Linear(7, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.adaptive_avg_pool2d(F.relu(self.norm(self.pw(self.dw(x)))), 2).flatten(1)
        out: Tensor = self.fc2(F.dropout(F.relu(self.fc1(x)), 0.5, self.training))
        return out


class Deep(Plain):
    """A network with such a head between its convolutions, which it runs in training mode."""

    def __init__(self) -> None:
        super().__init__()
        self.auxiliary = Auxiliary()

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:  # type: ignore[override]
        early = F.relu(self.bn1(self.conv1(x)))
        scores: Tensor = self.fc(F.relu(self.bn2(self.conv2(early))).mean((2, 3)))
        return (scores, self.auxiliary(early)) if self.training else scores


def test_an_auxiliary_head_reads_the_channels_that_are_left() -> None:
    model = randomise(Deep())
    graph = analyse(model, IMAGES)
    assert [(group.name, [graph.layers[i].name for i in group.consumers]) for group in graph.groups] == [
        ("conv1", ["conv2"]),
        ("conv2", ["fc"]),
    ]
    mask = np.ones(graph.unit_count, dtype=np.bool_)
    mask[[1, 2, 6, 9]] = False
    small = compact(model, make_selection(graph, model, mask))
    head = small.get_submodule("auxiliary")
    assert isinstance(head, Auxiliary)
    assert (head.dw.in_channels, head.dw.groups, head.fc1.in_features) == (5, 5, 24)
    early = torch.randn(2, 8, 8, 8)
    kept = [0, 3, 4, 5, 7]
    with torch.no_grad():
        model.get_parameter("auxiliary.pw.weight")[:, [1, 2, 6]] = 0.0
        torch.testing.assert_close(head(early[:, kept]), model.get_submodule("auxiliary")(early))
        assert [each.shape for each in small.train()(IMAGES)] == [(2, 5), (2, 5)]


def test_an_auxiliary_head_costs_nothing() -> None:
    model = Deep().eval()
    graph = analyse(model, IMAGES)
    assert macs(graph)(graph.full) == counted_macs(model, IMAGES)
    assert "auxiliary.fc1" not in {layer.name for layer in graph.layers}


def test_a_network_that_needs_targets_in_training_mode_is_watched_in_evaluation() -> None:
    class Loss(Deep):
        def forward(self, x: Tensor, targets: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:  # type: ignore[override]
            if self.training:
                assert targets is not None
            return super().forward(x)

    model = Loss().train()
    graph = analyse(model, IMAGES)
    assert [group.name for group in graph.groups] == ["conv1", "conv2"]
    assert model.training
    assert run(model.eval(), IMAGES)[0].shape == (2, 5)
