from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import detection

from amc.analysis.analyse import analyse
from amc.graph.raw_heads import comparable_outputs, find_heads

IMAGES = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))


class Picking(nn.Module):
    """Returns the places where one head is large, with what the other head says there, by one of several operators."""

    def __init__(self, pick: Callable[[Tensor], Tensor] = torch.nonzero) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.pick = pick
        self.body, self.deep = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1)
        self.score, self.place = nn.Conv2d(16, 1, 1), nn.Conv2d(16, 4, 1)
        self.after = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.deep(self.body(x).relu()).relu()
        places = self.pick(self.score(x)[:, 0] > 0)
        rows = self.place(x).permute(0, 2, 3, 1)[tuple(places.unbind(1))]
        return rows, self.after(rows)


def test_they_are_the_last_layers_before_the_selection() -> None:
    network = Picking().train()
    heads = find_heads(network, IMAGES)
    assert heads == ("score", "place")
    assert network.training
    found = comparable_outputs(network.eval(), IMAGES, heads)
    features = network.deep(network.body(IMAGES).relu()).relu()
    torch.testing.assert_close(found, {"score": [network.score(features)], "place": [network.place(features)]})
    found["place"][0].sum().backward()
    assert network.body.weight.grad is not None


def test_selections_that_follow_from_shapes_alone_are_none() -> None:
    class Masked(Picking):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            kept = torch.ones(16, dtype=torch.bool)
            kept[::2] = False
            rows = self.place(self.deep(self.body(x).relu()).relu())[:, :, kept].flatten(2).transpose(1, 2)
            best = rows.topk(3, dim=1).indices
            return rows.gather(1, best), self.after(rows.sort(dim=1).values)

    assert find_heads(Masked(), IMAGES) == ()


def test_groups_of_such_a_network_are_cut_and_proved() -> None:
    graph = analyse(Picking().eval(), IMAGES)
    assert graph.heads == ("score", "place")
    assert [group.name for group in graph.groups] == ["body", "deep"]
    assert {each.name for each in graph.frozen} == {"score", "place", "after"}


@pytest.mark.parametrize(
    ("name", "heads"),
    [
        ("ssdlite320_mobilenet_v3_large", 12),
        ("fasterrcnn_mobilenet_v3_large_320_fpn", 2),
    ],
)
def test_detectors_of_torchvision(name: str, heads: int) -> None:
    network = detection.__dict__[name](weights=None, weights_backbone=None).eval()
    found = find_heads(network, torch.rand(1, 3, 64, 64))
    assert len(found) == heads
    assert all("head" in each for each in found)
