"""What the tests compute for themselves, in other ways than the code does."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from amc.analyse import analyse
from amc.graph import Keeps, PruningGraph
from amc.graph.inputs import Example, arguments
from tests.architectures import PRUNABLE
from tests.unusual import Outputs

aten = torch.ops.aten


def randomise(model: nn.Module, seed: int = 0) -> nn.Module:
    """Every parameter and statistic becomes a number of its own, so that no error can hide; in evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            deviation = (2.0 / parameter[0].numel()) ** 0.5 if parameter.ndim > 1 else 0.4
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * deviation)
            if parameter.ndim < 2 or parameter[0].numel() == 1:
                parameter.abs_().add_(0.2)
        for name, buffer in model.named_buffers():
            if buffer.is_floating_point():
                values = torch.rand(buffer.shape, generator=generator)
                buffer.copy_(values + 0.5 if "var" in name else values - 0.5)
    return model.eval()


@functools.cache
def prepared(name: str) -> tuple[nn.Module, PruningGraph]:
    """A network of `tests.architectures` with random numbers in it, and its analysis."""
    torch.manual_seed(0)
    model = randomise(PRUNABLE[name].build())
    return model, analyse(model, PRUNABLE[name].example())


def tensors(out: Any) -> list[Tensor]:
    """The tensors that a network of `tests.architectures` returned."""
    return [out.features, *out.scores.values()] if isinstance(out, Outputs) else [out]


def run(model: nn.Module, x: Example) -> list[Tensor]:
    """The outputs of one forward pass."""
    with torch.no_grad():
        return tensors(model(*arguments(x)))


def distance(got: list[Tensor], wanted: list[Tensor]) -> float:
    """The largest difference, relative to the largest value."""
    assert [each.shape for each in got] == [each.shape for each in wanted]
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(got, wanted, strict=True))


@contextmanager
def single_operators() -> Iterator[None]:
    """Without PyTorch's shortcut that runs a whole transformer layer as one operator."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


class IgnoreInputs(TorchDispatchMode):
    """Sets the inputs that a consumer is to ignore to zero inside the consuming operator, nowhere else.

    `masks` is `{name of the weight: mask of its input channels}`; weights are told by where their numbers lie.
    """

    def __init__(self, model: nn.Module, masks: dict[str, Tensor]) -> None:
        super().__init__()
        parameters = dict(model.named_parameters())
        self.masks = {parameters[name].data_ptr(): mask for name, mask in masks.items()}
        self.used: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        places = {aten.convolution.default: (0, 1), aten.addmm.default: (1, 2), aten.mm.default: (0, 1)}
        if func in places:
            x, weight = places[func]
            mask = self.masks.get(args[weight].data_ptr())
            if mask is not None:
                self.used.add(args[weight].data_ptr())
                shape = (1, -1, *[1] * (args[x].ndim - 2))
                args = [*args[:x], args[x] * mask.reshape(shape).to(args[x].dtype), *args[x + 1 :]]
        return func(*args, **(kwargs or {}))


def run_ignoring(model: nn.Module, graph: PruningGraph, alive: NDArray[np.bool_], x: Example) -> list[Tensor]:
    """The outputs of the original when its consumers see zeros in place of the units that are not alive."""
    masks = {}
    for layer in graph.layers:
        mask = np.array([unit < 0 or bool(alive[unit]) for unit in layer.inputs.units])
        if layer.weight is not None and (layer.inputs.units >= 0).any():
            masks[layer.weight] = torch.from_numpy(mask)
    mode = IgnoreInputs(model, masks)
    with torch.no_grad(), single_operators(), mode:
        out = tensors(model(*arguments(x)))
    assert mode.used == set(mode.masks)
    return out


def random_alive(graph: PruningGraph, keeps: Keeps, seed: int) -> NDArray[np.bool_]:
    """Any `keeps[g]` units of each group."""
    rng = np.random.default_rng(seed)
    return np.concatenate(
        [rng.permutation(group.units) < keep for group, keep in zip(graph.groups, keeps, strict=True)]
    ).astype(np.bool_)


def counted_macs(model: nn.Module, x: Tensor) -> int:
    """Multiply-accumulates of convolutions and linear layers for one image, as PyTorch counts them."""
    return counted(model, (x[:1],))


def counted(model: nn.Module, inputs: tuple[Any, ...]) -> int:
    """Multiply-accumulates of convolutions and linear layers for all of `inputs`, as PyTorch counts them."""
    with torch.no_grad(), single_operators(), FlopCounterMode(display=False) as counter:
        model(*inputs)
    counts = counter.get_flop_counts()["Global"]
    return sum(counts.get(operator, 0) for operator in (aten.convolution, aten.addmm, aten.mm)) // 2


def counted_params(model: nn.Module) -> int:
    """Elements of all parameters."""
    return sum(parameter.numel() for parameter in model.parameters())


def snapshot(model: nn.Module) -> dict[str, Any]:
    """All that a caller could notice a change of: numbers, who holds them, modules, attributes, flags and hooks."""
    seen: dict[str, Any] = {}
    for name, tensor in model.state_dict(keep_vars=True).items():
        seen[f"tensor {name}"] = (id(tensor), tensor.requires_grad, tensor.grad, tensor.detach().numpy().tobytes())
    for name, module in model.named_modules():
        seen[f"module {name}"] = id(module)
        for key, value in vars(module).items():
            if key not in ("_parameters", "_buffers", "_modules"):
                seen[f"{name}.{key}"] = dict(value) if isinstance(value, dict) else value
    return seen
