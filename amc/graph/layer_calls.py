"""Forward passes that count operators and layer calls, so that a network and a compact one of it can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.weak import WeakTensorKeyDictionary

from amc.graph.inputs import Example, feed
from amc.graph.structure import Layer, PruningGraph
from amc.graph.trace_forward import unfused_operators
from amc.utils.errors import UserError
from amc.utils.operator_mode import OperatorMode
from amc.utils.option_names import option

LAYERS = ("aten::convolution", "aten::addmm", "aten::mm")
"""Operators that are calls of layers."""
NORMS = (
    "aten::native_batch_norm",
    "aten::cudnn_batch_norm",
    "aten::miopen_batch_norm",
    "aten::_native_batch_norm_legit_no_training",
    "aten::_batch_norm_no_update",
)
"""Operators that are batch norms in evaluation mode."""
ADDITIONS = ("aten::add", "aten::add_")
"""Operators that add two tensors."""


def run_pass(model: nn.Module, inputs: Example, mode: LayerPass, graph: PruningGraph) -> Any:
    """Run the network once, with `mode` observing every operator, and return what it returns.

    Raises:
        UserError: Other layers were called than in the network that the graph is of.
    """
    with torch.no_grad(), unfused_operators(model), mode:
        returned = feed(model, inputs)
    mode.check_calls(graph)
    return returned


def read_tensor(name: str, args: Any) -> Tensor:
    """Return the input of a convolution or linear operator from the operator's name and arguments."""
    x: Tensor = args[1] if name == "aten::addmm" else args[0]
    return x


def layer_input(name: str, args: Any) -> Tensor:
    """Return the input of a convolution or linear operator in float32, as `read_tensor` finds it."""
    return read_tensor(name, args).float()


class LayerPass(OperatorMode):
    """A dispatch mode that counts operators and layer calls; subclasses act before and after each operator.

    Attributes:
        layers: The layers of interest, by their place among all convolution and linear calls of a pass.
        operator: Number of the operator that runs.
        call: Number of the last convolution or linear call.
    """

    def __init__(self, layers: Mapping[int, Layer]) -> None:
        super().__init__()
        self.layers = layers
        self.operator = -1
        self.call = -1

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.operator += 1
        name = func._schema.name
        layer = None
        if name in LAYERS:
            self.call += 1
            layer = self.layers.get(self.call)
        self.before(name, args, layer)
        out = func(*args, **(kwargs or {}))
        result = out[0] if isinstance(out, tuple | list) and out else out
        if isinstance(result, Tensor):
            self.after(name, args, layer, result)
        return out

    def check_calls(self, graph: PruningGraph) -> None:
        """Check that as many layers were called as the graph has, since the number of a call tells which one it is.

        Products of activations that come after all layers with a stored weight may be as many as they like.

        Raises:
            UserError: They were not.
        """
        needed = max((layer.call + 1 for layer in graph.layers if layer.weight), default=0)
        if self.call + 1 < needed or (needed == len(graph.layers) < self.call + 1):
            simple = {"criterion": "l1", "recovery": "none", "search_recovery": "none"}
            raise UserError(
                f"its layers ran {self.call + 1} times on the calibration images, and {len(graph.layers)} times on the"
                " example that it was analysed with; where layers run once for each image, or as often as values ask"
                f" for, give {', '.join(option(name, value) for name, value in simple.items())}"
            )

    def before(self, name: str, args: Any, layer: Layer | None) -> None:
        """Act before an operator; `layer` is the layer of interest that it is a call of, or None."""

    def after(self, name: str, args: Any, layer: Layer | None, out: Tensor) -> None:
        """Act after an operator, given its (first) result."""


class ShortcutPass(LayerPass):
    """Finds the layers whose outputs are added to an earlier tensor, directly or behind a batch norm.

    Attributes:
        found: The number of the operator that made the other summand, by the layer's call.
    """

    def __init__(self, layers: Mapping[int, Layer]) -> None:
        super().__init__(layers)
        self.found: dict[int, int] = {}
        self._begun: dict[int, int] = {}  # call -> its operator
        self._made = WeakTensorKeyDictionary()  # tensor -> the operator that wrote it last
        self._output = WeakTensorKeyDictionary()  # tensor -> the call whose output it is

    def before(self, name: str, args: Any, layer: Layer | None) -> None:
        """Note where a layer begins, and whether an addition takes a layer's output and an earlier tensor."""
        if layer is not None:
            self._begun[self.call] = self.operator
        if name not in ADDITIONS or not all(isinstance(each, Tensor) for each in args[:2]):
            return
        for summand, other in (args[:2], args[1::-1]):
            call, made = self._output.get(summand), self._made.get(other)
            if call is not None and made is not None and made < self._begun[call] and summand.shape == other.shape:
                self.found[call] = made

    def after(self, name: str, args: Any, layer: Layer | None, out: Tensor) -> None:
        """Note which operator made a tensor, and whether it is a layer's output."""
        call = self.call if layer is not None else None
        if name in NORMS:
            behind = self._output.get(args[0])
            call = behind if behind is not None and self.layers[behind].norm else None
        self._made[out] = self.operator
        self._output.pop(out, None)
        if call is not None:
            self._output[out] = call
