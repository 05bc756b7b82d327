"""Vision transformers of timm with random weights: the least that pruning can leave, and each cut to 40 % of its MACs.

`python -m benchmarks.transformer_networks` prints the first table of docs/transformers.md, a row when it is known.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import timm
import torch
from torch import nn

from amc.analysis.analyse import analyse
from amc.cost.budget import Budgets
from amc.cost.costs import macs
from amc.pruning.slicing import choose_units, compact, make_selection
from benchmarks.runs import machine, percent
from scripts.command.cli import run
from tests.oracles import counted

SHARE = 0.4
"""The share of the MACs that each network is cut to."""
NETWORKS = {
    "vit_tiny_patch16_224": 64,
    "deit_tiny_patch16_224": 64,
    "beit_base_patch16_224": 32,
    "swin_tiny_patch4_window7_224": 224,
    "pvt_v2_b0": 64,
    "cait_xxs24_224": 64,
    "twins_svt_small": 64,
}
"""The networks, with the side of their images in pixels: small ones, since the groups do not depend on it."""
OF_ANY_SIZE = {"pvt_v2_b0", "twins_svt_small"}
"""Those that take images of any size."""


@dataclass(frozen=True)
class Arguments:
    """Print how far vision transformers can be cut, and what is frozen of them."""

    only: tuple[str, ...] = tuple(NETWORKS)
    """The networks, by their names in timm."""


def build(name: str) -> tuple[nn.Module, torch.Tensor]:
    """A network in evaluation mode with random weights, and an image."""
    torch.manual_seed(0)
    size = NETWORKS[name]
    options: dict[str, Any] = {} if name in OF_ANY_SIZE else {"img_size": size}
    return timm.create_model(name, **options).eval(), torch.randn(1, 3, size, size)


def row(name: str) -> str:
    """The row of a network: groups, least share of the MACs, share that was reached, seconds, what is frozen."""
    model, image = build(name)
    began = time.process_time()
    graph = analyse(model, image)
    seconds = time.process_time() - began
    cost = macs(graph)
    kept_counts = Budgets(graph, [f"macs={SHARE}"]).uniform
    mask = choose_units(graph, np.random.default_rng(0).random(graph.unit_count), kept_counts)
    small = compact(model, make_selection(graph, model, mask))
    with torch.no_grad():
        assert small(image).shape == model(image).shape
    reached = counted(small, (image,)) / counted(model, (image,))
    frozen = ", ".join(sorted({f"{each.name}: {each.reason}" for each in graph.frozen}))
    least = cost(graph.least) / cost(graph.full)
    return f"| {name} | {len(graph.groups)} | {percent(least)} | {percent(reached)} | {seconds:.1f} s | {frozen} |"


def transformers(arguments: Arguments) -> None:
    """Print the table."""
    torch.set_num_threads(1)
    print(f"{machine()}, one thread\n")
    print(f"| network | groups | least MACs | cut to {percent(SHARE)} | seconds of the analysis | frozen |")
    print("|---|---|---|---|---|---|")
    for name in arguments.only:
        print(row(name), flush=True)


def main() -> None:
    """Run as a command."""
    run(transformers, Arguments)


if __name__ == "__main__":
    main()
