"""One copy of a network that takes the tensors of one compact network after the other, instead of a copy for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from amc.pruning.slicing import set_attributes

Attributes = Mapping[str, Mapping[str, Any]]
"""Values of module attributes, `{module: {attribute: value}}`."""


class ReusableNetwork:
    """A network into which the tensors of any compact network of it can be loaded.

    Args:
        network: The network, which is changed by every load.

    Attributes:
        network: The network, in evaluation mode, with what was loaded last.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network.eval()
        names = {id(tensor): name for name, tensor in self.network.named_parameters()}
        names |= {id(tensor): name for name, tensor in self.network.named_buffers()}
        self._places: dict[str, list[tuple[dict[str, Any], str]]] = {}
        self._whole: dict[str, dict[str, Any]] = {}
        for module in self.network.modules():
            for held in (module._parameters, module._buffers):
                for key, tensor in held.items():
                    if tensor is not None:
                        self._places.setdefault(names[id(tensor)], []).append((held, key))

    def load(self, tensors: Mapping[str, Tensor], attributes: Attributes) -> nn.Module:
        """Put tensors by name and module attributes into the network, and return it.

        The tensors are not copied, and those whose names are left out stay as loaded last. Attributes that the last
        load changed get their original values first. Parameters take no gradients.

        Raises:
            KeyError: The network has no tensor of some name.
        """
        for name, tensor in tensors.items():
            for held, key in self._places[name]:
                is_parameter = isinstance(held[key], nn.Parameter)
                held[key] = nn.Parameter(tensor, requires_grad=False) if is_parameter else tensor
        set_attributes(self.network, self._whole)
        for module, values in attributes.items():
            for key in values:
                self._whole.setdefault(module, {}).setdefault(key, getattr(self.network.get_submodule(module), key))
        set_attributes(self.network, attributes)
        return self.network
