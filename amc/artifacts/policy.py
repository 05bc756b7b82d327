"""The result of a search as a file, and a compact network back from its files.

`policy.json` holds, besides what was asked and reached, the kept positions of every tensor and the module attributes
that changed. Loading needs no analysis, so old files outlive changes of it; and it imports no user's code by itself.
"""

from __future__ import annotations

import contextlib
import platform
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from amc.artifacts.checked_json import Count, check_schema, checked, read_object
from amc.artifacts.digests import tensors_digest
from amc.artifacts.run_folder import can_go_on
from amc.artifacts.selection import StoredSelection, check_ascending, check_fits
from amc.graph import PruningGraph
from amc.networks.admission import admit
from amc.networks.file_format import SAFETENSORS, format_of
from amc.networks.sources import Network, has_name, load_network
from amc.networks.weight_files import load_state, load_weights, read_state_dict, write_state_dict
from amc.pruning.materialise_weights import materialise_weights
from amc.pruning.slicing import Selection, UnitMask, compact, stored_tensors
from amc.utils.copying import copy_network
from amc.utils.errors import UserError
from amc.utils.files import json_text, write_atomically
from amc.utils.notebook_table import html_table
from amc.utils.option_names import option
from amc.utils.user_file import FORM, is_user_function

SCHEMA = 1
POLICY_FILE = "policy.json"
WEIGHTS_FILE = "compact.safetensors"


@dataclass(frozen=True)
class GroupPolicy:
    """The decision for one group: which of its units stay. Widths are in channels of its first producer."""

    name: str
    width: Count
    width_after: Count
    units: Count
    kept: tuple[Count, ...]
    sparsity: float

    def __post_init__(self) -> None:
        """Check that at least one unit is kept, in ascending order; raise a ValueError otherwise."""
        check_ascending(self.kept, "`kept`")


@dataclass(frozen=True)
class CostReached:
    """A cost before and after pruning, and the share that is left."""

    before: Count
    after: Count
    ratio: float


@dataclass(frozen=True)
class LatencyReached:
    """The latency for one image before and after pruning, measured in turns, and what was predicted for after.

    `target` is the device as in `amc.latency.target`, `runtime` what ran there, with its version and threads.
    """

    latency_before_ms: float
    latency_after_ms: float
    latency_predicted_ms: float
    target: str
    runtime: str


@dataclass(frozen=True, repr=False)
class Policy:
    """The result of a search. Accuracies are on the reward images (validation), in [0, 1].

    `weights_digest` is that of the tensors in the file beside a `policy.json` (`amc.artifacts.digests.tensors_digest`):
    None for a policy that comes from no file, and for files of runs before there was one.
    """

    model: str
    inputs: str  # their shapes without the batch, and types (`amc.graph.input_spec`)
    fingerprint: str
    strategy: str
    seed: Count
    budget: tuple[str, ...]
    costs: Mapping[str, CostReached]
    accuracy_before: float
    accuracy: float
    groups: tuple[GroupPolicy, ...]
    selection: Selection
    versions: Mapping[str, str]
    latency: LatencyReached | None = None  # where the search knew it
    metric: str = ""  # of the accuracies; files of earlier versions do not tell
    weights_digest: str | None = None

    def __repr__(self) -> str:
        left = ", ".join(f"{kind} {100 * cost.ratio:.1f} %" for kind, cost in self.costs.items())
        return f"<Policy for {self.model}: {len(self.groups)} groups, left: {left}>"

    def _repr_html_(self) -> str:
        rows = [
            (each.name, str(each.width), str(each.width_after), f"{100 * each.sparsity:.0f} %") for each in self.groups
        ]
        return html_table(["group", "channels", "left", "sparsity"], rows, f"Policy for {self.model}")


def describe_groups(graph: PruningGraph, mask: UnitMask) -> tuple[GroupPolicy, ...]:
    """Return the decision for each group that `mask`, bool `(graph.unit_count,)`, stands for."""
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
    """Return the versions of Python and of the packages that a result depends on."""
    packages = ("torch", "stable-baselines3", "gymnasium", "numpy")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}


def save_compact(folder: Path, policy: Policy, network: nn.Module) -> None:
    """Write `compact.safetensors` and a `policy.json` with the digest of those weights into `folder`.

    Each is written atomically, and the policy, which makes the two a result, takes its place last, when both have found
    room on the disk. Whatever ends the process between the two leaves weights that the former policy, if there was one,
    does not have the digest of: `load` refuses them, and the run can still go on.

    Raises:
        UserError: The folder can't be written to.
    """
    tensors = stored_tensors(network)
    content = json_text(_to_json(replace(policy, weights_digest=tensors_digest(tensors))))

    def write(temporary: Path) -> None:
        temporary.write_text(content, encoding="utf-8", newline="")
        write_state_dict(folder / WEIGHTS_FILE, tensors)

    write_atomically(folder / POLICY_FILE, write)


OriginalLike = nn.Module | Network | str
"""An original network: a module, what `amc.load_network` gives, or the words by which that builds it."""


WeightsLike = str | Path | Mapping[str, Tensor]
"""A file of weights, as `amc.networks.weight_files.load_weights` reads it, or a state dict."""


def load(run_dir: str | Path, model: OriginalLike | None = None, weights: WeightsLike | None = None) -> nn.Module:
    """Return the compact network of a run, in evaluation mode.

    Args:
        run_dir: Folder that a search or a fine-tuning left.
        model: The original network, with any weights: a module, what `amc.load_network` returns, or its name, such as
            `path/to/file.py:function`. It is needed where it came from a user's own file, since nothing named in a
            policy file is imported, or from Python.
        weights: Weights that you trained the compact network to, in place of the run's: a file of safetensors or of
            `torch.save`, which is read without executing anything (`amc.networks.weight_files.load_weights`), or a
            state dict.

    Raises:
        UserError: Files are missing or damaged, the model is not the policy's, or the weights are not those that the
            policy was written with; `weights` need only fit the network.
    """
    if not isinstance(run_dir, str | Path):
        raise UserError(
            f"expected the folder of a run, got {type(run_dir).__name__}; a result has its compact network as `network`"
        )
    folder = Path(run_dir)
    policy = read_policy(folder / POLICY_FILE)
    if model is None:
        if is_user_function(policy.model):
            raise UserError(
                f"{folder} was made from {policy.model}, which is not imported from a policy file; give that model"
            )
        if not has_name(policy.model):
            raise UserError(
                f"{folder} was made from a network that was given in Python, {policy.model}; give that network as"
                f" {option('model')}"
            )
        model = policy.model
    return load_compact(_module(model), policy, folder, weights)


def _module(original: OriginalLike) -> nn.Module:
    if isinstance(original, str):
        return load_network(original, weights="none").model
    if isinstance(original, Network):
        return original.model
    if not isinstance(original, nn.Module):
        raise UserError(
            f"expected {option('model')} as a torch.nn.Module, what amc.load_network returns or {FORM}, got"
            f" {type(original).__name__}"
        )
    return original


def load_compact(model: nn.Module, policy: Policy, folder: Path, weights: WeightsLike | None = None) -> nn.Module:
    """Return a copy of `model`, cut as `policy` says and with the tensors in a file.

    Args:
        model: The original network, with any weights.
        policy: The policy in `folder`.
        folder: The folder of the run, whose weights must be those that the policy was written with.
        weights: A user's own weights in place of those, which need only fit.

    Raises:
        UserError: The model is not the policy's, or the weights are not the policy's or do not fit.
    """
    model, _ = admit(copy_network(model))
    materialise_weights(model, _names(folder / WEIGHTS_FILE))
    check_fits(model, policy.selection, policy.model)
    network = compact(model, policy.selection)
    file = folder / WEIGHTS_FILE
    if weights is None and policy.weights_digest is not None:
        load_state(network, _checked_tensors(file, policy.weights_digest), file)
        return network.eval()
    if isinstance(weights, Mapping):
        load_state(network, weights, "the state dict")
        return network.eval()
    if not isinstance(weights, str | Path | None):
        raise UserError(f"expected {option('weights')} as a file or a state dict, got {type(weights).__name__}")
    for note in load_weights(network, str(file if weights is None else weights)):
        warnings.warn(note, stacklevel=3)
    return network.eval()


def _names(file: Path) -> list[str] | None:
    """Return the names of the tensors in a file; None where it can't be read, which is told when they are."""
    with contextlib.suppress(OSError, SafetensorError), safe_open(file, "pt") as content:
        names: list[str] = list(content.keys())
        return names
    return None


def _checked_tensors(file: Path, expected: str) -> dict[str, Tensor]:
    """Return the tensors in the weights file of a run, which have the digest `expected`; else raise a UserError."""
    found = "a file of torch.save"
    if format_of(file) == SAFETENSORS:
        tensors = read_state_dict(file)
        found = tensors_digest(tensors)
        if found == expected:
            return tensors
    remedy = (
        "the run ended while it wrote them, so go on with it by --resume"
        if can_go_on(file.parent)
        else "copy both from where they are whole; weights that you trained on are read by amc.load(RUN, weights=FILE)"
    )
    raise UserError(
        f"the weights in {file} are not those that {POLICY_FILE} beside it was written with (expected the digest"
        f" {expected}, got {found}); {remedy}"
    )


def read_policy(path: Path) -> Policy:
    """Read and check a `policy.json`.

    Raises:
        UserError: There is no such file, it is no JSON of this schema, or an entry has another form, which is named.
    """
    content = read_object(path)
    check_schema(content, SCHEMA, path)
    selection = checked(content, StoredSelection, path).selection
    return checked({**content, "selection": selection}, Policy, path)


def _to_json(policy: Policy) -> dict[str, Any]:
    entries = {name: value for name, value in vars(policy).items() if name != "selection"}
    return {"schema": SCHEMA, **entries, **vars(StoredSelection.of(policy.selection))}
