"""One forward pass traced at the level of ATen operators.

An `OperatorMode` sees every operator that runs, whatever Python the user's `forward` is made of, so there is no
symbolic tracing to fail. Each tensor carries labels (`amc.graph.channels`); `amc.graph.operators` says what each
operator does to them. The model is not changed: the hooks that tell which module is running are removed at the end.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from amc.graph.inputs import Example, clone_inputs, feed, tensors
from amc.graph.operators import apply_rule
from amc.graph.size_origins import SizeOrigins
from amc.graph.trace import Call, Trace
from amc.utils.device import device_of, forked_random_numbers
from amc.utils.differences import is_same
from amc.utils.operator_mode import OperatorMode


class _Mode(OperatorMode):
    def __init__(self, trace: Trace) -> None:
        super().__init__()
        self._trace = trace

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        schema = func._schema
        arguments = {argument.name: value for argument, value in zip(schema.arguments, args, strict=False)}
        name = schema.name.split("::")[1]
        call = Call(name, arguments | (kwargs or {}), out, self._trace.stack[-1], sys._getframe(1))
        apply_rule(self._trace, func, call)
        self._trace.selects |= bool(selectors(func, call.tensors()))
        return out


@contextmanager
def _module_stack(trace: Trace) -> Iterator[None]:
    handles = []

    def leave(*_: Any) -> None:  # a hook that returns something would replace the module's output
        trace.stack.pop()

    for name, module in trace.modules.items():
        if isinstance(module, torch.jit.ScriptModule):  # it has no hooks: what it runs is its caller's
            continue
        handles.append(module.register_forward_pre_hook(lambda *_, name=name: trace.stack.append(name)))
        handles.append(module.register_forward_hook(leave, always_call=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def unfused_operators(model: nn.Module) -> Iterator[None]:
    """Make `model` run the same operators whatever its batch size and mode, while the context is open.

    The fused multi-head attention is off, which would hide a whole encoder layer in one operator. All parameters are as
    if they were trained: for others, a product with a weight is a layer or a product of activations depending on how
    its input lies in memory.
    """
    fused = torch.backends.mha.get_fastpath_enabled()
    others = [each for each in model.parameters() if not each.requires_grad and _can_be_trained(each)]
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        for parameter in others:
            parameter.requires_grad_(True)
        yield
    finally:
        for parameter in others:
            parameter.requires_grad_(False)
        torch.backends.mha.set_fastpath_enabled(fused)


def _can_be_trained(parameter: nn.Parameter) -> bool:
    return parameter.is_floating_point() and not parameter.is_inference()


@contextmanager
def preserve_state(model: nn.Module) -> Iterator[None]:
    """Restore the model's buffers, the training flags of its modules and the global random numbers at the end."""
    training = {module: module.training for module in model.modules()}
    plain = [module for module in model.modules() if not isinstance(module, torch.jit.ScriptModule)]
    held = [(module._buffers, dict(module._buffers)) for module in plain]
    values = {buffer: buffer.clone() for buffer in model.buffers()}
    try:
        with forked_random_numbers(device_of(model)):
            yield
    finally:
        for module, flag in training.items():
            module.training = flag
        for now, before in held:
            now.clear()
            now.update(before)
        with torch.no_grad():
            for buffer, value in values.items():
                if buffer.layout is not torch.strided or not is_same(buffer, value):  # some can't be written to
                    buffer.copy_(value)


def trace_forward(model: nn.Module, example: Example) -> Trace:
    """Run `model(example)` once in evaluation mode and record what every operator does to the channels.

    Where parameters are left unused, the network is traced in training mode too, if it runs there on inputs alone,
    because auxiliary heads read channels that are cut. Channels of the network's outputs are frozen.

    A network that can't bear shapes which are not PyTorch's own (`amc.graph.size_origins`) is traced without them.
    """
    try:
        return _traced(model, example, with_origins=True)
    except Exception:
        return _traced(model, example, with_origins=False)


def _traced(model: nn.Module, example: Example, with_origins: bool) -> Trace:
    trace = Trace(model, len(tensors(example)[0]))
    with preserve_state(model):
        _trace(trace, model.eval(), example, with_origins)
        if any(name not in trace.stored_labels for name, _ in model.named_parameters()):
            _trace_training(trace, model, example, with_origins)
    trace.settle_sizes()
    return trace


def _trace_training(trace: Trace, model: nn.Module, example: Example, with_origins: bool) -> None:
    """Record which more layers run while modules made of others are in training mode, and what they read.

    Dropout and batch norms, which contain no modules, are left in evaluation mode.
    """
    for module in model.modules():
        module.training = module is model or any(True for _ in module.children())
    again = trace.for_another_pass(model)
    with suppress(Exception):  # it may need targets
        _trace(again, model, example, with_origins)
    known = {call.weight for call in trace.layers}
    trace.auxiliary = [call for call in again.layers if call.weight not in known]


def _trace(trace: Trace, model: nn.Module, example: Example, with_origins: bool) -> None:
    example = clone_inputs(example)  # the network may write into them
    for given in tensors(example):
        trace.add_images(given)
    # no_grad, not inference_mode: there other operators appear
    origins = SizeOrigins(trace.labels, trace.note_sizes) if with_origins else nullcontext()
    with torch.no_grad(), unfused_operators(model), _module_stack(trace), _Mode(trace), origins:
        out = feed(model, example)
    outputs = output_tensors(out)
    trace.activation_memory.add_outputs(outputs)
    trace.read_positions(outputs)
    for tensor in outputs:
        if (layer := trace.info(tensor).layer) is not None:
            trace.read_elsewhere.add(layer)
        for label in trace.labels(tensor):
            trace.channels.freeze(label, "output of the network")


def selectors(func: Any, given: Sequence[Tensor]) -> Sequence[Tensor]:
    """Return those of an operator's arguments from whose values the shape of what it returns follows."""
    name = func._schema.name
    if name == "aten::index":
        return [tensor for tensor in given[1:] if tensor.dtype in (torch.bool, torch.uint8)]
    return given if name == "torchvision::nms" or torch.Tag.dynamic_output_shape in func.tags else []


def output_tensors(out: Any) -> list[Tensor]:
    """Return all tensors in what a network returned, in lists, dictionaries and plain objects too."""
    found: list[Tensor] = []
    for leaf in tree_leaves(out):
        if isinstance(leaf, Tensor):
            found.append(leaf)
        elif hasattr(leaf, "__dict__"):
            found += output_tensors(list(vars(leaf).values()))
    return found
