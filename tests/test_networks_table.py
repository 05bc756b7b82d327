"""The table of networks in docs/networks.md is what the analysis counts."""

import re
from pathlib import Path

import pytest
import torch

from amc.cost.costs import COSTS
from amc.graph import trace_graph
from amc.networks.models import MODELS
from amc.networks.sources import PREPROCESS
from tests.small_network import NAME

PAGE = (Path(__file__).parents[1] / "docs" / "networks.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)` \| (\S+) \| (\S+) \| (\S+) \| (\d+) \|", PAGE, flags=re.MULTILINE)


def test_every_network_is_listed() -> None:
    assert {row[0] for row in ROWS} == set(MODELS) - {NAME}  # which is of the tests


@pytest.mark.parametrize(("name", "shape", "macs", "params", "groups"), ROWS)
def test_the_numbers_are_right(name: str, shape: str, macs: str, params: str, groups: str) -> None:
    graph = trace_graph(MODELS[name](), torch.zeros(1, *PREPROCESS[name].shape))
    assert "x".join(map(str, PREPROCESS[name].shape)) == shape
    assert [f"{COSTS[kind](graph)(graph.full):,}" for kind in ("macs", "params")] == [macs, params]
    assert len(graph.groups) == int(groups)
