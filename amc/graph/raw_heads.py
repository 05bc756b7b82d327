"""Raw heads: the last layers before a network selects what it returns, as a detector does that drops and sorts boxes.

What such a network returns has another shape for every image, so that two networks can't be compared by it. They are
compared by the outputs of these layers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.weak import WeakTensorKeyDictionary

from amc.graph.inputs import Example, clone_inputs, feed
from amc.graph.layer_calls import LAYERS
from amc.graph.trace_forward import output_tensors, preserve_state, selectors, unfused_operators
from amc.utils.operator_mode import OperatorMode

SELECTED = 1
"""The bit of a tensor that was selected by what a layer computed; each layer has a bit above it."""

RawHeads = tuple[str, ...]
"""The names of modules, in the order in which they first run; none where what a network returns is compared."""


def find_heads(model: nn.Module, example: Example) -> RawHeads:
    """The modules whose outputs stand for what a network returns; none where its shapes do not follow from the image.

    They are the convolutions and linear layers from whose outputs no later layer computes, before anything is selected.

    Args:
        model: The network, which is left as it is.
        example: An input `(n, ...)`, or all arguments of the network.
    """
    stack = [""]
    with preserve_state(model), torch.no_grad(), unfused_operators(model), ExitStack() as hooks:
        for name, module in model.eval().named_modules():
            if not isinstance(module, torch.jit.ScriptModule):
                enter = module.register_forward_pre_hook(lambda *_, name=name: stack.append(name))
                leave = module.register_forward_hook(lambda *_: _drop_last(stack), always_call=True)
                hooks.callback(enter.remove)
                hooks.callback(leave.remove)
        with _Descent(stack) as descent:
            outputs = output_tensors(feed(model, clone_inputs(example)))
    return descent.heads if any(descent.of(each) & SELECTED for each in outputs) else ()


def _drop_last(stack: list[str]) -> None:
    stack.pop()


class _Descent(OperatorMode):
    """A dispatch mode that notes which layers each tensor was computed from, as bits."""

    def __init__(self, stack: list[str]) -> None:
        super().__init__()
        self._stack = stack
        self._bits: dict[str, int] = {}
        self._read = 0  # the layers from which later ones compute
        self._tensors = WeakTensorKeyDictionary()

    @property
    def heads(self) -> RawHeads:
        return tuple(name for name, bit in self._bits.items() if not bit & self._read)

    def of(self, tensor: Tensor) -> int:
        return self._tensors.get(tensor, 0)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        bits = 0
        for tensor in given:
            bits |= self.of(tensor)
        if func._schema.name in LAYERS and not bits & SELECTED:
            self._read |= bits
            bits |= self._bits.setdefault(self._stack[-1], SELECTED << len(self._bits) + 1)
        elif any(self.of(tensor) for tensor in selectors(func, given)):
            bits |= SELECTED
        for leaf in tree_leaves(out):
            if bits and isinstance(leaf, Tensor):
                self._tensors[leaf] = bits
        return out


class RecordedOutputs:
    """What networks are compared by, of the last forward pass: what it returned, or what its raw heads did.

    Attributes:
        value: The outputs; of raw heads a list by name, with what each call returned.
    """

    def __init__(self) -> None:
        self.value: Any = None


@contextmanager
def recorded_outputs(model: nn.Module, heads: RawHeads = (), *, detached: bool = False) -> Iterator[RecordedOutputs]:
    """Record what a network returns while the context is open, or its raw heads.

    Args:
        model: The network.
        heads: Its raw heads.
        detached: Whether what follows the heads reads them without gradients, and in float32 where they are in less.
    """
    recorded = RecordedOutputs()

    def begin(*_: Any) -> None:
        recorded.value = {name: [] for name in heads}

    def note(name: str, out: Any) -> Any:
        recorded.value[name].append(out)
        return tree_map_only(Tensor, read, out) if detached else None

    def read(out: Tensor) -> Tensor:
        dtype = torch.promote_types(out.dtype, torch.float32) if out.is_floating_point() else out.dtype
        return out.detach().to(dtype)

    def end(_: nn.Module, __: Any, out: Any) -> None:
        recorded.value = out

    with ExitStack() as hooks:
        if heads:
            hooks.callback(model.register_forward_pre_hook(begin).remove)
        else:
            hooks.callback(model.register_forward_hook(end).remove)
        for name in heads:
            module = model.get_submodule(name)
            hooks.callback(module.register_forward_hook(lambda _, __, out, name=name: note(name, out)).remove)
        yield recorded


def comparable_outputs(model: nn.Module, example: Example, heads: RawHeads = ()) -> Any:
    """Run a network and return what it is compared by: what it returns, or what its raw heads do."""
    with recorded_outputs(model, heads, detached=True) as recorded:
        outputs = feed(model, example)
    return recorded.value if heads else outputs
