"""What the tests compute for themselves, in other ways than the code does."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from amc.analysis.analyse import analyse
from amc.graph import Axis, KeptCounts, PruningGraph
from amc.graph.inputs import Example, arguments
from amc.utils.operator_mode import OperatorMode
from tests.architectures import PRUNABLE
from tests.unusual import Outputs

aten = torch.ops.aten
SUMMED = {"bmm": 0, "baddbmm": 1, "scaled_dot_product": 0}
"""Products of activations, with the place of the first of the two tensors that are multiplied."""


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


class IgnoreInputs(OperatorMode):
    """Consumers see zeros in place of the units that are not `mask`, inside the operator and nowhere else.

    Norms and statistics over channels are taken over the channels that are alive, by formulas of the oracle's own.
    Layers are told by the number of their call.
    """

    def __init__(self, graph: PruningGraph, mask: NDArray[np.bool_]) -> None:
        super().__init__()
        self.masks = {
            layer.call: mask_of(layer.inputs, mask)
            for layer in graph.layers
            if layer.weight is not None and layer.inputs.is_cuttable
        }
        self.statistics = {
            (each.operator, each.call): {dim: mask_of(axis, mask) for dim, axis in each.axes.items()}
            for each in graph.statistics
        }
        self.calls: Counter[str] = Counter()
        self.used: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        inputs = {aten.convolution.default: 0, aten.addmm.default: 1, aten.mm.default: 0}
        if func in inputs:
            x, call = inputs[func], self.calls["layer"]
            self.calls["layer"] += 1
            mask = self.masks.get(call)
            if mask is not None:
                self.used.add(call)
                args = [*args[:x], args[x] * along(mask, 1, args[x]), *args[x + 1 :]]
        name = func.overloadpacket.__name__
        name = "scaled_dot_product" if name == "_scaled_dot_product_flash_attention_for_cpu" else name
        masks = self.statistics.get((name, self.calls[name]))
        self.calls[name] += 1
        if masks is not None and name in SUMMED:
            at = SUMMED[name]
            args = [*args]
            for mask in masks.values():
                for operand in (at, at + 1):
                    axis = -2 if name in ("bmm", "baddbmm") and operand > at else -1
                    args[operand] = args[operand] * along(mask, args[operand].ndim + axis, args[operand])
        elif masks is not None:
            inside = functools.reduce(torch.mul, [along(mask, dim, args[0]) for dim, mask in masks.items()])
            return statistic(name, inside.expand_as(args[0]), args, kwargs or {})
        return func(*args, **(kwargs or {}))


def mask_of(axis: Axis, mask: NDArray[np.bool_]) -> Tensor:
    """Which positions of an axis stay, bool `(positions,)`."""
    each = [[unit < 0 or bool(mask[unit]) for unit in units] for units in axis.memberships]
    return torch.tensor(each).all(0)


def along(mask: Tensor, dim: int, like: Tensor) -> Tensor:
    """The mask as numbers that can be multiplied with dimension `dim` of a tensor."""
    return mask.reshape([-1 if axis == dim else 1 for axis in range(like.ndim)]).to(like.dtype)


def statistic(name: str, inside: Tensor, args: Any, kwargs: dict[str, Any]) -> Any:
    """What the operator gives when it reads only where `inside` is 1, written out."""
    x = args[0]

    def mean(values: Tensor, dims: list[int]) -> Tensor:
        return (values * inside).sum(dims, keepdim=True) / inside.sum(dims, keepdim=True)

    if name in ("native_layer_norm", "native_group_norm"):
        layer = name == "native_layer_norm"
        first = x.ndim - len(args[1]) if layer else 1
        dims = list(range(first, x.ndim))
        weight, bias, eps = (*args[2:4], args[4]) if layer else (*args[1:3], args[7])
        shape = x.shape[first:] if layer else [-1] + [1] * (x.ndim - 2)
        centred = x - mean(x, dims)
        out = centred / (mean(centred**2, dims) + eps).sqrt()
        return (out if weight is None else out * weight.reshape(shape) + bias.reshape(shape)), None, None
    at = {"linalg_vector_norm": 2}.get(name, 1)
    given = list(args[at:]) + [None] * 2
    dims = [given[0]] if isinstance(given[0], int) else list(given[0] or range(x.ndim))
    keep = given[1] or kwargs.get("keepdim", False)
    if name == "mean":
        out = mean(x, dims)
    elif name in ("var", "std"):
        left = inside.sum(dims, keepdim=True)
        out = mean((x - mean(x, dims)) ** 2, dims) * left / (left - kwargs.get("correction", 1))
        out = out if name == "var" else out.sqrt()
    elif name == "linalg_vector_norm":
        power = args[1] if len(args) > 1 else 2
        out = (x.abs() ** power * inside).sum(dims, keepdim=True) ** (1 / power)
    elif name == "sum":
        out = (x * inside).sum(dims, keepdim=True)
    elif name in ("amax", "max"):
        out = x.masked_fill(inside == 0, -torch.inf).amax(dims, keepdim=True)
    else:
        raise NotImplementedError(name)
    out = out if keep else out.squeeze(dims)
    return (out, None) if name == "max" and isinstance(given[0], int) else out


def run_ignoring(model: nn.Module, graph: PruningGraph, mask: NDArray[np.bool_], x: Example) -> list[Tensor]:
    """The outputs of the original when its consumers see zeros in place of the units that are not alive."""
    mode = IgnoreInputs(graph, mask)
    with torch.no_grad(), single_operators(), mode:
        out = tensors(model(*arguments(x)))
    assert mode.used == set(mode.masks)
    return out


def random_mask(graph: PruningGraph, kept_counts: KeptCounts, seed: int) -> NDArray[np.bool_]:
    """Any `kept_counts[g]` units of each group."""
    rng = np.random.default_rng(seed)
    return np.concatenate(
        [rng.permutation(group.units) < keep for group, keep in zip(graph.groups, kept_counts, strict=True)]
    ).astype(np.bool_)


def counted_macs(model: nn.Module, x: Tensor) -> int:
    """Multiply-accumulates of convolutions and linear layers for one image, as PyTorch counts them."""
    return counted(model, (x[:1],))


def counted(model: nn.Module, inputs: tuple[Any, ...]) -> int:
    """Multiply-accumulates of convolutions and linear layers for all of `inputs`, as PyTorch counts them."""
    try:
        with torch.no_grad():
            counts = _counts(model, inputs)
    except AssertionError:  # its hooks can't do without gradients where a parameter is the input of a module
        with torch.enable_grad():
            counts = _counts(model, inputs)
    return sum(counts.get(operator, 0) for operator in (aten.convolution, aten.addmm, aten.mm)) // 2


def _counts(model: nn.Module, inputs: tuple[Any, ...]) -> dict[Any, int]:
    with single_operators(), FlopCounterMode(display=False) as counter:
        model(*inputs)
    return counter.get_flop_counts()["Global"]


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


class Calls(OperatorMode):
    """Counts those of some operators."""

    def __init__(self, *functions: Any) -> None:
        super().__init__()
        self.functions = functions
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func in self.functions
        return func(*args, **(kwargs or {}))
