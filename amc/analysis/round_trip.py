"""The proof, before a search, that its result can be written to files and loaded again."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from amc.analysis.check_runs import float_outputs
from amc.artifacts.policy import (
    POLICY_FILE,
    Policy,
    current_versions,
    describe_groups,
    load_compact,
    read_policy,
    save_compact,
)
from amc.graph import KeptCounts, PruningGraph
from amc.graph.inputs import Example
from amc.graph.raw_heads import RawHeads
from amc.graph.trace_forward import preserve_state
from amc.pruning.slicing import choose_units, compact, make_selection, named_tensors
from amc.utils.copying import copy_network
from amc.utils.differences import furthest, is_same, largest
from amc.utils.errors import UserError
from amc.utils.files import make_folder
from amc.utils.text import one_line

TOLERANCE = 1e-3
"""Largest accepted difference of an output, relative to the largest: tensors are equal, their layouts are not."""


def check_round_trip(model: nn.Module, graph: PruningGraph, example: Example, folder: Path) -> None:
    """Cut every group of `model` by one step, write the compact network into `folder`, load it and compare the two.

    Args:
        model: The analysed network. It is not changed.
        graph: Its pruning graph.
        example: An input `(batch, ...)`, or all arguments of the network.
        folder: Where results will be written. It is created if it is missing; nothing stays in it.

    Raises:
        UserError: A step fails, or the loaded network differs.
    """
    mask = choose_units(graph, np.zeros(graph.unit_count), _by_one_step(graph))
    selection = make_selection(graph, model, mask)
    network = compact(model, selection).eval()
    policy = Policy(
        model="the network",
        inputs=graph.inputs,
        fingerprint=graph.fingerprint,
        strategy="",
        seed=0,
        budget=(),
        costs={},
        accuracy_before=0.0,
        accuracy=0.0,
        groups=describe_groups(graph, mask),
        selection=selection,
        versions=current_versions(),
    )
    make_folder(folder)
    with tempfile.TemporaryDirectory(prefix=".trial-", dir=folder) as trial:
        save_compact(Path(trial), policy, network)
        try:
            loaded = load_compact(_blank(model), read_policy(Path(trial) / POLICY_FILE), Path(trial))
            difference = _difference(network, loaded, example, graph.heads)
        except Exception as error:  # of the network's own code
            difference = one_line(error)
    if difference:
        raise UserError(
            f"a compact network of this kind can't be loaded from its files again: {difference};"
            " what changes its state_dict or its modules must allow that"
        )


def _by_one_step(graph: PruningGraph) -> KeptCounts:
    """Return kept counts one rounding step below the full ones, int64 `(groups,)`."""
    return np.array([group.choices[-2] for group in graph.groups], dtype=np.int64)


def _blank(model: nn.Module) -> nn.Module:
    """Return a copy of the network with zeros in everything that a file of weights holds."""
    other = copy_network(model)
    with torch.no_grad():
        for module in other.modules():
            stored = {k: v for k, v in module._buffers.items() if k not in module._non_persistent_buffers_set}
            for tensor in (*module._parameters.values(), *stored.values()):
                if tensor is not None:
                    tensor.zero_()
    return other


def _difference(network: nn.Module, loaded: nn.Module, example: Example, heads: RawHeads) -> str | None:
    """Return in what the loaded network differs, or None."""
    own, found = named_tensors(network), named_tensors(loaded)
    for name, tensor in own.items():
        if name not in found or not _equal(tensor, found[name]):
            return f"{name} is not what was written"
    for before, after in zip(_outputs(network, example, heads), _outputs(loaded, example, heads), strict=True):
        if before.shape != after.shape or not _close(before, after):
            return "its outputs are others"
    return None


def _equal(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape:
        return False
    one, other = one.detach().cpu(), other.detach().to("cpu", one.dtype)
    return torch.equal(one, other) if one.is_sparse else is_same(one, other)


def _close(one: Tensor, other: Tensor) -> bool:
    return furthest(one, other.to(one), equal_nan=True) <= TOLERANCE * largest(one)


def _outputs(network: nn.Module, example: Example, heads: RawHeads) -> list[Tensor]:
    with torch.no_grad(), preserve_state(network):
        torch.manual_seed(0)  # a network may draw random numbers
        return float_outputs(network, example, heads)
