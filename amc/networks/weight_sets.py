"""The sets of tensors in a file that may be a network's weights, whatever keys and prefixes lead to them."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from amc.networks.tensor_tree import StoredTensor
from amc.utils.errors import UserError
from amc.utils.text import shortened

WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
"""Names that DataParallel, compile, FSDP and activation checkpointing of PyTorch put before those of a module's own."""
OF_LAYERS = {"weight", "bias", "running_mean", "running_var"}
"""Last part of the names of tensors that belong to a layer."""
COUNTER = "num_batches_tracked"  # of batch norms, which older files lack


class NetworkTensors:
    """The tensors that a network needs, and how tensors of a file compare with them.

    Args:
        model: The network.

    Attributes:
        own: The network's parameters and persistent buffers, by name.

    Raises:
        UserError: A layer has no shape before its first input.
    """

    def __init__(self, model: nn.Module) -> None:
        self.own = {name: value for name, value in model.state_dict().items() if isinstance(value, Tensor)}
        for name, value in self.own.items():
            if is_lazy(value):
                raise UserError(
                    f"{name} of the network has no shape before a first input, so no weights can be loaded;"
                    " call the network once in the function that makes it"
                )
        plain = {unwrapped(name): name for name in self.own}
        self._plain = plain if len(plain) == len(self.own) else {}
        self._modules = {unwrapped(name).rpartition(".")[0] for name in self.own}
        self._twins = _shared(model)

    def name(self, words: list[str]) -> str | None:
        """Return the network's name for a tensor whose name in a file has these words; None where there is none."""
        name = ".".join(words)
        if name in self.own:
            return name
        return None if words[0] in WRAPPERS else self._plain.get(unwrapped(name))

    def faults(self, state: Mapping[str, Tensor]) -> list[str]:
        """Return what keeps the tensors in `state` from being the network's weights, all of them and nothing else."""
        titles = {
            "missing": [name for name in self.own if self._lacks(name, state)],
            "unexpected": [name for name in state if name not in self.own],
            "of another shape": [
                f"{name} ({list(state[name].shape)} instead of {list(value.shape)})"
                for name, value in self.own.items()
                if name in state and state[name].shape != value.shape
            ],
            "of a kind that is not taken": [
                f"{name} ({kind})"
                for name, value in self.own.items()
                if name in state and (kind := why_unusable(state[name], value))
            ],
        }
        return [f"{title}: {shortened(names)}" for title, names in titles.items() if names]

    def are_all_among(self, names: Container[str]) -> bool:
        """Return whether no tensor of the network is missing from these names."""
        return not any(self._lacks(name, names) for name in self.own)

    def is_of_a_layer(self, name: str) -> bool:
        """Return whether a tensor that the network lacks would belong to one of its layers, such as a missing bias."""
        module, _, leaf = unwrapped(name).rpartition(".")
        return leaf in OF_LAYERS and module in self._modules

    def _lacks(self, name: str, names: Container[str]) -> bool:
        return not name.endswith(COUNTER) and not any(twin in names for twin in self._twins.get(name, (name,)))


@dataclass(frozen=True, eq=False)
class WeightSet:
    """Tensors of a file that may be a network's weights.

    Attributes:
        path: What stands before the network's names: keys, prefixes, or both, joined by dots.
        tensors: Paths in the file, by the names in the network.
        file: All tensors of the file, by path.
        wanted: The tensors of the network.
    """

    path: str
    tensors: Mapping[str, str]
    file: Mapping[str, StoredTensor]
    wanted: NetworkTensors

    @cached_property
    def state(self) -> dict[str, Tensor]:
        """The weights by the network's names."""
        return {name: self.file[path].tensor for name, path in self.tensors.items()}

    @cached_property
    def beyond(self) -> dict[str, StoredTensor]:
        """Tensors in the same mappings that are not the network's, by path."""
        containers = {self.file[path].container for path in self.tensors.values()}
        used = set(self.tensors.values())
        return {path: each for path, each in self.file.items() if each.container in containers and path not in used}

    @property
    def fits(self) -> bool:
        """Whether every tensor of the network is in the set, and nothing more of its layers."""
        if not self.wanted.are_all_among(self.tensors):
            return False
        more = {name: tensor for name, tensor in self._unexpected() if self.wanted.is_of_a_layer(name)}
        return not self.wanted.faults(self.state | more)

    @property
    def faults(self) -> list[str]:
        """What keeps the set from fitting, and what else there is."""
        return self.wanted.faults(self.state | dict(self._unexpected()))

    def _unexpected(self) -> Iterator[tuple[str, Tensor]]:
        begin = f"{self.path}." if self.path else ""
        for path, each in self.beyond.items():
            if path.startswith(begin):
                yield path.removeprefix(begin), each.tensor


def find_weight_sets(file: Mapping[str, StoredTensor], wanted: NetworkTensors) -> list[WeightSet]:
    """Return everything in a file that has tensor names of the network, the sets with the most such names first."""
    found: dict[str, dict[str, str]] = {}
    for path in file:
        words = path.split(".")
        for begin in range(len(words)):
            name = wanted.name(words[begin:])
            if name is not None:
                tensors = found.setdefault(".".join(words[:begin]), {})
                if name not in tensors or path.endswith(name):
                    tensors[name] = path
    by_size = sorted(found.items(), key=lambda item: -len(item[1]))
    return [WeightSet(path, tensors, file, wanted) for path, tensors in by_size]


def why_unusable(tensor: Tensor, own: Tensor) -> str | None:
    """Return why a tensor's values can't become those of a network's tensor; None if they can."""
    if tensor.is_meta:
        return "without values"
    if tensor.is_quantized or (own.is_floating_point() and tensor.is_floating_point() and tensor.element_size() < 2):
        return "quantised"
    if tensor.layout != torch.strided or tensor.is_nested:
        return "sparse" if not tensor.is_nested else "nested"
    if tensor.is_complex() and not own.is_complex():
        return "complex"
    if own.is_floating_point() and not tensor.is_floating_point() and not tensor.is_complex():
        return f"{tensor.dtype} instead of {own.dtype}".replace("torch.", "")
    return None


def same_weights(one: WeightSet, other: WeightSet) -> bool:
    """Return whether two sets hold the same weights."""
    return one.tensors.keys() == other.tensors.keys() and all(
        tensor is twin or (tensor.dtype == twin.dtype and torch.equal(tensor, twin))
        for tensor, twin in ((tensor, other.state[name]) for name, tensor in one.state.items())
    )


def unwrapped(name: str) -> str:
    """Return a tensor's name without the words that wrappers put into it."""
    return ".".join(word for word in name.split(".") if word not in WRAPPERS)


def _shared(model: nn.Module) -> dict[str, tuple[str, ...]]:
    """Return the names of each parameter that has several: a file may hold it by any one of them."""
    names: dict[int, tuple[str, ...]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names[id(parameter)] = (*names.get(id(parameter), ()), name)
    return {name: several for several in names.values() for name in several}
