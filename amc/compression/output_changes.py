"""How much a network's outputs would change if one channel group alone were cut, told without running a cut network.

Of a small change of weights D, the outputs y change by J D, where J is their derivative by the weights: a second-order
model of the distance to the original, with the Gauss-Newton matrix in place of the Hessian (Schraudolph 2002; Martens
2010), as Optimal Brain Damage (LeCun et al. 1990) has it with a diagonal. D is what least squares leave of a layer that
loses inputs. With random signs e, the mean of (e'J D)^2 is |J D|^2, so that one backward pass of e'y on a few images
serves all groups and all shares at once.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from amc.criteria import Evidence
from amc.graph import Group, Layer
from amc.graph.inputs import Example, split_batch
from amc.graph.raw_heads import comparable_outputs
from amc.pruning.slicing import UnitMask
from amc.recovery.output_distance import SCORES, divisor, float_tensors
from amc.utils.copying import copy_network
from amc.utils.safe_backward import safe_backward

PASSES = 64
"""The number of backward passes, each with signs and images of its own."""
IMAGES = 4
"""The number of images in each."""


class _Change(NamedTuple):
    """What cutting does to a layer.

    Attributes:
        weight: What the weight loses, as it is stored.
        bias: What the bias loses.
        removed: The positions along the inputs that each group takes from the layer, by the group's index.
    """

    weight: Tensor
    bias: Tensor
    removed: dict[int, Tensor]


def output_changes(evidence: Evidence, masks: Sequence[UnitMask]) -> NDArray[np.float64] | None:
    """The predicted change of the outputs when one group alone is cut, and its consumers are solved by least squares.

    The outputs are compared by their squares: the logits of each image less their mean, where they are scores of
    classes. A consumer of several groups counts for each by what it would lose without being solved.

    Args:
        evidence: The network, its analysis and its calibration images, of which the first few are read.
        masks: The units that stay, one mask of bool `(units,)` for each column of the result.

    Returns:
        The squared error relative to the energy of the outputs, `(groups, masks)`, 0 or more; None where no gradients
        pass through the network.
    """
    changes = [_changes(evidence, mask) for mask in masks]
    try:
        squares = _mean_squares(evidence, changes)
    except RuntimeError:  # no gradients pass, such as through what changes its inputs in place
        return None
    table: NDArray[np.float64] = np.zeros((len(evidence.graph.groups), len(masks)))
    for column, of_mask in enumerate(squares):
        for change, alone in of_mask:
            total = max(sum(alone.values()), np.finfo(np.float64).tiny)
            for group, square in alone.items():
                table[group, column] += change * square / total
    return table if np.isfinite(table).all() else None


def _changes(evidence: Evidence, mask: UnitMask) -> dict[Layer, _Change]:
    layers = {layer.weight: layer for layer in evidence.consumers()}
    found = {}
    for name, weight, bias in evidence.reconstructor.differences(mask):
        layer = layers[name]
        removed = {group.index: _removed(layer, group, mask) for group in evidence.graph.groups}
        found[layer] = _Change(weight, bias, {index: each for index, each in removed.items() if len(each)})
    return found


def _removed(layer: Layer, group: Group, mask: UnitMask) -> Tensor:
    """The positions along the layer's inputs that go when only this group is cut."""
    alone = np.ones_like(mask)
    alone[group.slice] = mask[group.slice]
    return torch.from_numpy(np.flatnonzero(~layer.weight_in.stays(alone)))


_Squares = list[tuple[float, dict[int, float]]]
"""Of each layer: the mean square of the change, and those of what each group takes from it, by the group's index."""


def _mean_squares(evidence: Evidence, changes: Sequence[dict[Layer, _Change]]) -> list[_Squares]:
    """The mean squares over all backward passes, of each mask."""
    network = copy_network(evidence.model).requires_grad_()
    layers = list(dict.fromkeys(itertools.chain(*changes)))
    of_several = {layer for of_mask in changes for layer, change in of_mask.items() if len(change.removed) > 1}
    weights, biases = _weights_and_biases(network, layers)
    total: defaultdict[tuple[int, Layer, int], float] = defaultdict(float)
    generator = torch.Generator().manual_seed(evidence.seed)
    for batch in itertools.islice(_batches(evidence.calibration), PASSES):
        gradients = _gradients(evidence, network, batch, [*weights, *biases], generator)
        for number, layer in enumerate(layers):
            gradient, of_bias = gradients[number], gradients[len(layers) + number]
            along = _along_inputs(gradient * weights[number].detach(), layer) if layer in of_several else None
            for column, of_mask in enumerate(changes):
                if layer not in of_mask:
                    continue
                change = of_mask[layer]
                moved = torch.dot(gradient.reshape(-1), change.weight.reshape(-1)) + torch.dot(of_bias, change.bias)
                total[column, layer, -1] += float(moved) ** 2
                for group, removed in change.removed.items():
                    total[column, layer, group] += 1.0 if along is None else float(along[removed].sum()) ** 2
    return [
        [
            (
                total[column, layer, -1] / PASSES,
                {group: total[column, layer, group] / PASSES for group in change.removed},
            )
            for layer, change in of_mask.items()
        ]
        for column, of_mask in enumerate(changes)
    ]


def _batches(calibration: Sequence[Example]) -> Iterator[Example]:
    """The calibration images in small batches, again and again."""
    return itertools.chain.from_iterable(split_batch(batch, IMAGES) for batch in itertools.cycle(calibration))


def _along_inputs(tensor: Tensor, layer: Layer) -> Tensor:
    """Sums over all but the input axis of a tensor of the layer's weight, `(inputs,)`."""
    return tensor.transpose(0, layer.in_dimension).flatten(1).sum(dim=1)


def _weights_and_biases(network: nn.Module, layers: Sequence[Layer]) -> tuple[list[Tensor], list[Tensor]]:
    """The parameters of the layers; a layer without a bias is given one of zeros, where its module would take it."""
    parameters, modules = dict(network.named_parameters()), dict(network.named_modules())
    weights: list[Tensor] = []
    biases: list[Tensor] = []
    for layer in layers:
        assert layer.weight is not None, "layers that are solved have a stored weight"
        weight = parameters[layer.weight]
        module = modules.get(layer.weight.removesuffix(".weight"))
        if layer.bias is not None:
            bias = parameters[layer.bias]
        else:
            bias = nn.Parameter(weight.new_zeros(len(layer.out)))
            if isinstance(module, nn.Linear | nn.modules.conv._ConvNd):
                module.bias = bias
        weights.append(weight)
        biases.append(bias)
    return weights, biases


def _gradients(
    evidence: Evidence, network: nn.Module, batch: Example, parameters: Sequence[Tensor], generator: torch.Generator
) -> list[Tensor]:
    """The gradients of the outputs, summed with random signs and over the root of their energy."""
    with torch.enable_grad(), safe_backward():
        outputs = float_tensors(comparable_outputs(network, batch, evidence.graph.heads))
        kinds = evidence.output_kinds or (None,) * len(outputs)
        total = torch.stack([_signed(each, kind, generator) for each, kind in zip(outputs, kinds, strict=True)]).sum()
        found = torch.autograd.grad(total, parameters, allow_unused=True)
    return [
        torch.zeros_like(parameter) if gradient is None else gradient.detach()
        for parameter, gradient in zip(parameters, found, strict=True)
    ]


def _signed(output: Tensor, kind: str | None, generator: torch.Generator) -> Tensor:
    """The sum of an output with random signs, over the root of the sum of its squares."""
    if kind == SCORES:
        output = output - output.mean(dim=1, keepdim=True)
    signs = torch.randint(0, 2, output.shape, generator=generator).to(output) * 2 - 1
    energy = output.detach().float().square().sum()
    return (output * signs).sum().float() / divisor(energy).sqrt()
