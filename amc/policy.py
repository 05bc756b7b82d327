"""The result of a search as a file, and a compact network back from its files.

`policy.json` holds, besides what was asked and reached, the kept positions of every tensor and the module attributes
that changed. Loading needs no analysis, so old files outlive changes of it; and it imports no user's code by itself.
"""

from __future__ import annotations

import dataclasses
import itertools
import platform
import reprlib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from amc.entries import entry, integer, list_of, number, object_of, read_object, text
from amc.errors import UserError
from amc.files import write_json
from amc.graph import PruningGraph
from amc.networks import load_network
from amc.prune import Alive, Selection, compact, named_tensors
from amc.userfile import is_user_function
from amc.weights import load_weights, write_state_dict

SCHEMA = 1
POLICY_FILE = "policy.json"
WEIGHTS_FILE = "compact.safetensors"


@dataclass(frozen=True)
class GroupPolicy:
    """One decision: units kept of a group. Widths are in channels of its first producer."""

    name: str
    width: int
    width_after: int
    units: int
    kept: tuple[int, ...]
    sparsity: float


@dataclass(frozen=True)
class CostReached:
    """A cost before and after pruning, and the share that is left."""

    before: int
    after: int
    ratio: float


@dataclass(frozen=True)
class LatencyReached:
    """Latency for one image, measured in turn on `target` by `runtime`, and what was predicted of the compact network.

    `target` is as in `amc.latency.target`, `runtime` with its version and threads.
    """

    latency_before_ms: float
    latency_after_ms: float
    latency_predicted_ms: float
    target: str
    runtime: str


@dataclass(frozen=True)
class Policy:
    """What a search found. Accuracies are of the reward split, in [0, 1]."""

    model: str
    inputs: str  # their shapes without the batch, and types (`amc.input_spec`)
    fingerprint: str
    strategy: str
    seed: int
    budget: tuple[str, ...]
    costs: Mapping[str, CostReached]
    accuracy_before: float
    accuracy: float
    groups: tuple[GroupPolicy, ...]
    selection: Selection
    versions: Mapping[str, str]
    latency: LatencyReached | None = None  # where the search knew it


def describe_groups(graph: PruningGraph, alive: Alive) -> tuple[GroupPolicy, ...]:
    """The decisions that the mask `alive` over all units stands for."""
    decisions = []
    for group in graph.groups:
        kept = np.flatnonzero(alive[group.slice])
        decisions.append(
            GroupPolicy(
                name=group.name,
                width=group.width,
                width_after=len(kept) * group.channels_per_unit,
                units=group.units,
                kept=tuple(kept.tolist()),
                sparsity=1.0 - len(kept) / group.units,
            )
        )
    return tuple(decisions)


def current_versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    packages = ("torch", "stable-baselines3", "gymnasium", "numpy")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}


def save_compact(folder: Path, policy: Policy, network: nn.Module) -> None:
    """Write `policy.json` and `compact.safetensors` into `folder`, each whole or not at all.

    Raises:
        UserError: the folder can't be written to.
    """
    write_state_dict(folder / WEIGHTS_FILE, network.state_dict())
    write_json(folder / POLICY_FILE, _to_json(policy))


def load(run_dir: str | Path, model: nn.Module | None = None) -> nn.Module:
    """The compact network of a run, in evaluation mode.

    Args:
        run_dir: Folder that a search left.
        model: The original network, with any weights; needed where it came from a user's own file, since nothing named
            in a policy file is imported.

    Raises:
        UserError: files that are missing or damaged, or a model that is not the policy's.
    """
    folder = Path(run_dir)
    policy = read_policy(folder / POLICY_FILE)
    if model is None:
        if is_user_function(policy.model):
            raise UserError(
                f"{folder} was made from {policy.model}, which is not imported from a policy file; give that model"
            )
        model = load_network(policy.model, weights="none").model
    return load_compact(model, policy, folder / WEIGHTS_FILE)


def load_compact(model: nn.Module, policy: Policy, weights: Path) -> nn.Module:
    """Cut `model` (which stays as it is) as `policy` says and fill it with `weights`."""
    tensors = named_tensors(model)
    for name, axes in policy.selection.tensors.items():
        for dim, positions in axes.items():
            fits = name in tensors and dim < tensors[name].ndim and max(positions) < tensors[name].shape[dim]
            if not fits:
                raise UserError(
                    f"the policy of {policy.model} cuts tensor {name!r} as this model does not have it;"
                    " give the model that the policy was made for"
                )
    network = compact(model, policy.selection)
    for note in load_weights(network, str(weights)):
        warnings.warn(note, stacklevel=3)
    return network.eval()


def read_policy(path: Path) -> Policy:
    """Read and check a `policy.json`.

    Raises:
        UserError: no such file, no JSON, another schema, or an entry of another form, which is named.
    """
    content = read_object(path)
    if content.get("schema") != SCHEMA:
        raise UserError(f"{path}: expected a policy of schema {SCHEMA}, got {content.get('schema')!r}")
    try:
        return _from_json(content)
    except ValueError as error:
        raise UserError(f"{path} is damaged: {error}") from error


def _to_json(policy: Policy) -> dict[str, Any]:
    """Kept positions recur in many tensors: each list is written once, under `positions`, and referred to by number."""
    lists: dict[tuple[int, ...], int] = {}
    tensors = {
        name: {str(dim): lists.setdefault(tuple(positions), len(lists)) for dim, positions in axes.items()}
        for name, axes in policy.selection.tensors.items()
    }
    content = {
        field.name: getattr(policy, field.name) for field in dataclasses.fields(policy) if field.name != "selection"
    }
    content["groups"] = [dataclasses.asdict(group) for group in policy.groups]
    content["latency"] = dataclasses.asdict(policy.latency) if policy.latency else None
    content["costs"] = {kind: dataclasses.asdict(cost) for kind, cost in policy.costs.items()}
    return {
        "schema": SCHEMA,
        **content,
        "attributes": policy.selection.attributes,
        "tensors": tensors,
        "positions": [list(each) for each in lists],
    }


_ATTRIBUTES = {"groups", "in_channels", "out_channels", "in_features", "out_features", "num_features", "num_parameters"}


def _from_json(content: Mapping[str, Any]) -> Policy:
    """The policy; raises a ValueError that names the first entry of another form."""
    positions = entry(content, "positions", list_of(_positions))

    def numbered(value: Any) -> tuple[int, ...]:
        if integer(value) >= len(positions):
            raise ValueError(f"refers to list {value}, there are {len(positions)} under 'positions'")
        return positions[value]

    tensors = entry(content, "tensors", object_of(_axes_of(numbered)))
    attributes = entry(content, "attributes", object_of(_attributes))
    return Policy(
        model=entry(content, "model", text),
        inputs=entry(content, "inputs", text),
        fingerprint=entry(content, "fingerprint", text),
        strategy=entry(content, "strategy", text),
        seed=entry(content, "seed", integer),
        budget=entry(content, "budget", list_of(text)),
        costs=entry(content, "costs", object_of(_cost)),
        latency=entry(content, "latency", _latency) if content.get("latency") is not None else None,
        accuracy_before=entry(content, "accuracy_before", number),
        accuracy=entry(content, "accuracy", number),
        groups=entry(content, "groups", list_of(_group)),
        selection=Selection(tensors, attributes),
        versions=entry(content, "versions", object_of(text)),
    )


def _group(value: Any) -> GroupPolicy:
    return GroupPolicy(
        name=entry(value, "name", text),
        width=entry(value, "width", integer),
        width_after=entry(value, "width_after", integer),
        units=entry(value, "units", integer),
        kept=entry(value, "kept", _positions),
        sparsity=entry(value, "sparsity", number),
    )


def _cost(value: Any) -> CostReached:
    return CostReached(entry(value, "before", integer), entry(value, "after", integer), entry(value, "ratio", number))


def _latency(value: Any) -> LatencyReached:
    return LatencyReached(
        latency_before_ms=entry(value, "latency_before_ms", number),
        latency_after_ms=entry(value, "latency_after_ms", number),
        latency_predicted_ms=entry(value, "latency_predicted_ms", number),
        target=entry(value, "target", text),
        runtime=entry(value, "runtime", text),
    )


def _positions(value: Any) -> tuple[int, ...]:
    positions = list_of(integer)(value)
    if not positions or any(high <= low for low, high in itertools.pairwise(positions)):
        raise ValueError(f"expected one position or more in ascending order, got {reprlib.repr(list(positions))}")
    return positions


def _axes_of(read: Callable[[Any], tuple[int, ...]]) -> Callable[[Any], dict[int, tuple[int, ...]]]:
    def axes(value: Any) -> dict[int, tuple[int, ...]]:
        positions = object_of(read)(value)
        for dim in positions:
            if not dim.isdecimal():
                raise ValueError(f"expected the number of a dimension, got {dim!r}")
        return {int(dim): kept for dim, kept in positions.items()}

    return axes


def _attributes(value: Any) -> dict[str, int]:
    attributes = object_of(integer)(value)
    for name, size in attributes.items():
        if name not in _ATTRIBUTES:
            raise ValueError(f"attribute {name!r}, which pruning does not change")
        if size < 1:
            raise ValueError(f"{name!r}: expected a number above 0, got {size}")
    return attributes
