"""A compact network as its state dict and a file of Python that makes it from the original's class."""

from __future__ import annotations

import runpy
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from amc.artifacts.digests import tensors_digest
from amc.artifacts.export_tools import explain_failure
from amc.artifacts.policy import POLICY_FILE, Policy
from amc.artifacts.portable import largest_difference
from amc.graph.inputs import Example, feed
from amc.graph.trace_forward import output_tensors
from amc.networks.admission import admit
from amc.networks.weight_files import read_state_dict, write_state_dict
from amc.pruning.materialise_weights import SamePadded, materialise_weights
from amc.pruning.slicing import stored_tensors
from amc.utils.copying import copy_network
from amc.utils.errors import UserError
from amc.utils.files import write_bytes

WORDS = "a state dict with its builder"
SUFFIX = ".py"
WEIGHTS_SUFFIX = ".safetensors"
TEMPLATE = '''"""Makes a compact network from the class of its original; needs PyTorch and safetensors alone.

    network = build(original)

The original may have any weights. It is changed in place and returned, in evaluation mode.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

ORIGINAL = {original!r}
WEIGHTS = Path(__file__).with_suffix({suffix!r})
ATTRIBUTES = {{
{attributes}}}
BUFFERS = {{
{buffers}}}


def build(network: nn.Module, weights: Path = WEIGHTS) -> nn.Module:
{replacements}    state = load_file(weights)
    own = network.state_dict()
    if state.keys() != {{name for name in own if isinstance(own[name], torch.Tensor)}}:
        raise ValueError(f"expected the network that was pruned, {{ORIGINAL}}, got one with tensors of other names")
    for module, values in ATTRIBUTES.items():
        for name, value in values.items():
            setattr(network.get_submodule(module), name, value)
    tensors = dict(network.named_parameters(remove_duplicate=False))
    tensors |= dict(network.named_buffers(remove_duplicate=False))
    for name in state.keys() & tensors.keys():
        tensors[name].data = state[name].to(tensors[name].device)
    for name, axes in BUFFERS.items():
        for dim, kept in axes.items():
            tensors[name].data = tensors[name].index_select(dim, torch.tensor(kept, device=tensors[name].device))
    return network.eval()
'''


def write_builder(original: nn.Module, policy: Policy, network: nn.Module, example: Example, path: Path) -> float:
    """Write the file that builds a compact network, and the network's state dict beside it, as `.safetensors`.

    Args:
        original: The original network, with any weights; it is not changed.
        policy: How it was cut.
        network: The compact network.
        example: Its arguments, in a batch of any size; only their shapes and types matter.
        path: The file of Python.

    Returns:
        The largest difference of what was built from the network in memory, relative to the largest output.

    Raises:
        UserError: What is built differs, a convolution is of no class of PyTorch, the files can't be written, or other
            weights would be lost. No file is left then.
    """
    original, _ = admit(copy_network(original).cpu())
    network = copy_network(network).cpu()
    tensors = stored_tensors(network)
    weights = path.with_suffix(WEIGHTS_SUFFIX)
    is_there = weights.is_file() and (path.parent / POLICY_FILE).is_file()
    if is_there and tensors_digest(read_state_dict(weights)) != tensors_digest(tensors):
        raise UserError(f"{weights} are the weights of another run; choose another folder or name than {path}")
    text = TEMPLATE.format(
        original=policy.model,
        suffix=WEIGHTS_SUFFIX,
        attributes="".join(f"    {name!r}: {values!r},\n" for name, values in _attributes(policy, network).items()),
        buffers="".join(f"    {name!r}: {axes!r},\n" for name, axes in _unsaved(policy, tensors).items()),
        replacements="".join(
            f"    network.set_submodule({name!r}, nn.{module!r})\n" for name, module in _replaced(original, network)
        ),
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / path.name
        file.write_text(text, encoding="utf-8")
        write_state_dict(file.with_suffix(WEIGHTS_SUFFIX), tensors)
        with explain_failure(f"the network can't be built by {WORDS}"):
            built = runpy.run_path(str(file))["build"](original)
        difference = largest_difference(WORDS, lambda batch: output_tensors(feed(built, batch)), network, example)
        if not is_there:
            write_bytes(weights, file.with_suffix(WEIGHTS_SUFFIX).read_bytes())
        write_bytes(path, file.read_bytes())
    return difference


def _attributes(policy: Policy, network: nn.Module) -> dict[str, dict[str, Any]]:
    """The changed attributes of each module, with the values and types that they have in the compact network."""
    return {
        name: {key: getattr(network.get_submodule(name), key) for key in values}
        for name, values in policy.selection.attributes.items()
    }


def _unsaved(policy: Policy, tensors: Mapping[str, Tensor]) -> dict[str, dict[int, list[int]]]:
    """The kept positions of buffers that the state dict does not have: what is built cuts those of the original."""
    return {
        name: {dim: list(positions) for dim, positions in axes.items()}
        for name, axes in policy.selection.tensors.items()
        if name not in tensors
    }


def _kind(module: nn.Module) -> tuple[type, set[str]]:
    """What tells a plain layer from one that computes its weight."""
    return type(module), {*module._parameters}


def _replaced(original: nn.Module, network: nn.Module) -> list[tuple[str, nn.Module]]:
    """The convolutions and linear layers that store the weight which those of the original compute, by name."""
    plain = copy_network(original)
    materialise_weights(plain)
    before = dict(original.named_modules(remove_duplicate=False))
    after = plain.named_modules(remove_duplicate=False)
    names = [name for name, module in after if _kind(module) != _kind(before[name])]
    found = [(name, network.get_submodule(name)) for name in names]
    for name, module in found:
        if isinstance(module, SamePadded):
            raise UserError(f"{name} pads by the size of its input, which no class of PyTorch does; export a program")
    return found
