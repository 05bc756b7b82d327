"""From the network that a user holds to the one that can be pruned: unwrapped, in float32, with known weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.parallel import DataParallel, DistributedDataParallel
from torch.nn.parameter import is_lazy
from torch.optim.swa_utils import AveragedModel

from amc.utils.errors import UserError
from amc.utils.text import one_line

WRAPPERS = (DataParallel, DistributedDataParallel, AveragedModel)
"""Modules that compute what their `module` does."""
COMPILED = "_orig_mod"
"""The attribute in which `torch.compile` keeps the module that it compiled."""


def admit(model: nn.Module) -> tuple[nn.Module, tuple[str, ...]]:
    """Return the network inside `model` that can be pruned, in evaluation mode, and a line for each change made to it.

    Wrappers for several devices, averaging or compilation are taken off, also from modules inside, and weights of
    another precision are cast to float32. Modules of `model` are changed in place.

    Raises:
        UserError: The network can't be pruned: it is compiled to TorchScript, quantised, or has no numbers in its
            weights.
    """
    model = _unwrapped(model)
    _refuse(model)
    try:
        model.eval()
    except Exception as error:
        raise UserError(
            f"the network can't be put into evaluation mode: {one_line(error)};"
            " of a program of torch.export give the module from before"
        ) from error
    return model, _cast(model)


def _unwrapped(model: nn.Module) -> nn.Module:
    while (inside := _inside(model)) is not None:
        model = inside
    for module in model.modules():
        if module._compiled_call_impl is not None:  # `module.compile()` was called
            module._compiled_call_impl = None
        for name, child in list(module._modules.items()):
            while child is not None and (inside := _inside(child)) is not None:
                child = module._modules[name] = inside
    return model


def _inside(module: nn.Module) -> nn.Module | None:
    """Return the module that a wrapper wraps; None for any other module."""
    if isinstance(module, torch.jit.ScriptModule):
        return None
    return module._modules.get("module" if isinstance(module, WRAPPERS) else COMPILED)


def _refuse(model: nn.Module) -> None:
    if isinstance(model, torch.jit.ScriptModule):
        raise UserError(
            "a network that was made by torch.jit.script, torch.jit.trace or torch.jit.load can't be cut;"
            " give the module from before, with its weights: module.load_state_dict(scripted.state_dict())"
        )
    for name, module in model.named_modules():
        if type(module).__module__.startswith(("torch.ao.nn.quantized", "torch.nn.quantized")):
            raise UserError(
                f"{_told(name)} is quantised, so its channels can't be cut; give the network from before its"
                " quantisation, and quantise what comes out"
            )
    for name, tensor in _tensors(model):
        if is_lazy(tensor):
            raise UserError(f"{name} has no size yet; run the network once on an input before it is given")
        if tensor.is_meta:
            raise UserError(f"{name} is on the meta device, without numbers; build the network with its weights")
        if tensor.is_quantized or tensor.layout != torch.strided:
            kind = "quantised" if tensor.is_quantized else f"stored as {tensor.layout}"
            raise UserError(f"{name} is {kind}, so it can't be cut; give the network with plain (dense) tensors")


def _cast(model: nn.Module) -> tuple[str, ...]:
    """Cast a network of another precision to float32, in place; return a line that says so."""
    others = {parameter.dtype for parameter in model.parameters() if parameter.is_floating_point()} - {torch.float32}
    if not others:
        return ()
    model.float()
    named = ", ".join(sorted(str(dtype).removeprefix("torch.") for dtype in others))
    return (f"the network's weights are in {named}; it is pruned in float32",)


def _tensors(model: nn.Module) -> list[tuple[str, Tensor]]:
    return [*model.named_parameters(), *model.named_buffers()]


def _told(name: str) -> str:
    return f"module {name}" if name else "the network"
