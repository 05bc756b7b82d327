"""Forward passes in which operators and layer calls are counted, so that two networks of one make can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

from amc.graph.inputs import Example, feed
from amc.graph.structure import Layer
from amc.graph.trace_forward import unfused_operators

LAYERS = ("aten::convolution", "aten::addmm", "aten::mm")
NORMS = (
    "aten::native_batch_norm",
    "aten::cudnn_batch_norm",
    "aten::miopen_batch_norm",
    "aten::_native_batch_norm_legit_no_training",
    "aten::_batch_norm_no_update",
)
ADDITIONS = ("aten::add", "aten::add_")


def run_pass(model: nn.Module, inputs: Example, mode: TorchDispatchMode) -> None:
    """Run the network once, watched by `mode`."""
    with torch.no_grad(), unfused_operators(model), mode:
        feed(model, inputs)


def layer_input(name: str, args: Any) -> Tensor:
    """What a convolution or linear operator of that name reads, of its arguments; in float32."""
    x: Tensor = args[1] if name == "aten::addmm" else args[0]
    return x.float()


class LayerPass(TorchDispatchMode):
    """Counts operators and layer calls; what is done at each is for subclasses.

    `operator` is the number of the operator that runs, `call` that of the last convolution or linear call.
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

    def before(self, name: str, args: Any, layer: Layer | None) -> None:
        """Called before each operator; `layer` is the layer that it is a call of."""

    def after(self, name: str, args: Any, layer: Layer | None, out: Tensor) -> None:
        """Called after each operator with its (first) result."""


class ShortcutPass(LayerPass):
    """Finds which layers' outputs are added to something that was there before, perhaps behind a batch norm.

    `found` has, by the layer's call, the number of the operator that made the other summand.
    """

    def __init__(self, layers: Mapping[int, Layer]) -> None:
        super().__init__(layers)
        self.found: dict[int, int] = {}
        self._begun: dict[int, int] = {}  # call -> its operator
        self._made = WeakTensorKeyDictionary()  # tensor -> the operator that wrote it last
        self._output = WeakTensorKeyDictionary()  # tensor -> the call whose output it is

    def before(self, name: str, args: Any, layer: Layer | None) -> None:
        """See `LayerPass`."""
        if layer is not None:
            self._begun[self.call] = self.operator
        if name not in ADDITIONS or not all(isinstance(each, Tensor) for each in args[:2]):
            return
        for summand, other in (args[:2], args[1::-1]):
            call, made = self._output.get(summand), self._made.get(other)
            if call is not None and made is not None and made < self._begun[call] and summand.shape == other.shape:
                self.found[call] = made

    def after(self, name: str, args: Any, layer: Layer | None, out: Tensor) -> None:
        """See `LayerPass`."""
        call = self.call if layer is not None else None
        if name in NORMS:
            behind = self._output.get(args[0])
            call = behind if behind is not None and self.layers[behind].norm else None
        self._made[out] = self.operator
        self._output.pop(out, None)
        if call is not None:
            self._output[out] = call
