"""The result of a search as a file, and a compact network back from its files.

`policy.json` holds, besides what was asked and reached, the kept positions of every tensor and the module attributes
that changed. Loading needs no analysis, so old files outlive changes of it; and it imports no user's code by itself.
"""

from __future__ import annotations

import dataclasses
import platform
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from amc.artifacts.json_validation import entry, integer, list_of, number, object_of, read_object, text
from amc.artifacts.selection import ascending, check_fits, selection_from_json, selection_to_json
from amc.graph import PruningGraph
from amc.networks.admission import admit
from amc.networks.sources import load_network
from amc.networks.weight_files import load_weights, write_state_dict
from amc.pruning.materialise_weights import materialise_weights
from amc.pruning.slicing import Selection, UnitMask, compact, stored_tensors
from amc.utils.copying import copy_network
from amc.utils.errors import UserError
from amc.utils.files import write_json
from amc.utils.user_file import is_user_function

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
    inputs: str  # their shapes without the batch, and types (`amc.graph.input_spec`)
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


def describe_groups(graph: PruningGraph, mask: UnitMask) -> tuple[GroupPolicy, ...]:
    """The decisions that the mask `mask` over all units stands for."""
    decisions = []
    for group in graph.groups:
        kept = np.flatnonzero(mask[group.slice])
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
    write_state_dict(folder / WEIGHTS_FILE, stored_tensors(network))
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
    """Cut `model` (which stays as it is) as `policy` says and fill it with `weights`.

    Raises:
        UserError: The model is not the policy's, or the weights do not fit.
    """
    model, _ = admit(copy_network(model))
    materialise_weights(model)
    check_fits(model, policy.selection, policy.model)
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
    content = {
        field.name: getattr(policy, field.name) for field in dataclasses.fields(policy) if field.name != "selection"
    }
    content["groups"] = [dataclasses.asdict(group) for group in policy.groups]
    content["latency"] = dataclasses.asdict(policy.latency) if policy.latency else None
    content["costs"] = {kind: dataclasses.asdict(cost) for kind, cost in policy.costs.items()}
    return {"schema": SCHEMA, **content, **selection_to_json(policy.selection)}


def _from_json(content: Mapping[str, Any]) -> Policy:
    """The policy; raises a ValueError that names the first entry of another form."""
    selection = selection_from_json(content)
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
        selection=selection,
        versions=entry(content, "versions", object_of(text)),
    )


def _group(value: Any) -> GroupPolicy:
    return GroupPolicy(
        name=entry(value, "name", text),
        width=entry(value, "width", integer),
        width_after=entry(value, "width_after", integer),
        units=entry(value, "units", integer),
        kept=entry(value, "kept", ascending),
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
