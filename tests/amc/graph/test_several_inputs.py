"""Networks that are given several things."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.analysis.analyse import analyse
from amc.cost.costs import macs
from amc.pruning.masked_network import masked_consumers
from amc.pruning.slicing import compact, make_selection
from tests.oracles import counted, distance, random_mask, randomise


class Several(nn.Module):
    """An image, a signal of another length, and a class, in a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.image, self.signal = nn.Conv2d(3, 8, 3), nn.Conv1d(2, 6, 3)
        self.classes = nn.Embedding(4, 6)
        self.both = nn.Conv1d(6, 5, 1)
        self.fc = nn.Linear(13, 4)

    def forward(self, image: Tensor, more: dict[str, Tensor]) -> Tensor:
        signal = self.signal(more["signal"]) + self.classes(more["class"])[:, :, None]
        signal = F.relu(self.both(F.relu(signal))).mean(2)
        out: Tensor = self.fc(torch.cat([F.relu(self.image(image)).mean((2, 3)), signal], 1))
        return out


def test_a_tuple_of_inputs_is_watched_and_checked() -> None:
    torch.manual_seed(0)
    model = randomise(Several())
    example = torch.randn(2, 3, 40, 8), {"signal": torch.randn(2, 2, 50), "class": torch.tensor([1, 3])}
    graph = analyse(model, example)
    assert [(group.name, group.units) for group in graph.groups] == [("signal", 6), ("both", 5), ("image", 8)]
    for number in range(2):
        kept_counts = np.array([np.random.default_rng(number).choice(group.choices[:-1]) for group in graph.groups])
        mask = random_mask(graph, kept_counts, number)
        small = compact(model, make_selection(graph, model, mask))
        with torch.no_grad(), masked_consumers(model, graph, mask):
            wanted = model(*example)
        with torch.no_grad():
            assert distance([small(*example)], [wanted]) < 1e-4
        assert counted(small, example) == macs(graph)(kept_counts) * 2
