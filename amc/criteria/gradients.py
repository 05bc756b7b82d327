"""Criteria that look at how the loss changes with a weight."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.criteria.evidence import Evidence, Importance
from amc.graph.inputs import Example, batch_size
from amc.graph.raw_heads import RawHeads, comparable_outputs
from amc.graph.trace_forward import output_tensors
from amc.utils.copying import copy_network
from amc.utils.errors import UserError
from amc.utils.option_names import option
from amc.utils.safe_backward import safe_backward
from amc.utils.text import one_line


def taylor(evidence: Evidence) -> Importance:
    """The squared first-order change of the loss if the weights that read a channel go (Molchanov et al. 2019, eq. 8).

    One pass over the calibration images, batch by batch. The loss is the cross-entropy to the classes that the network
    itself predicts; for a network without class scores it is the mean square of its outputs.

    Raises:
        UserError: No gradients come through the network.
    """
    network = copy_network(evidence.model).requires_grad_()
    parameters = dict(network.named_parameters())
    names = [layer.weight for layer in evidence.consumers() if layer.weight is not None]
    dimension = {layer.weight: layer.in_dimension for layer in evidence.consumers()}
    total: dict[str, Tensor] = {}
    for batch in evidence.calibration:
        gradients = _gradients(network, evidence.graph.heads, batch, [parameters[name] for name in names])
        for name, gradient in zip(names, gradients, strict=True):
            if gradient is None:
                gradient = torch.zeros_like(parameters[name])
            change = (gradient * parameters[name]).detach().transpose(0, dimension[name]).flatten(1).sum(dim=1)
            total[name] = total.get(name, torch.zeros_like(change)) + change.square()
    return evidence.unit_importance({name: each.double().cpu().numpy() for name, each in total.items()})


def _gradients(
    network: nn.Module, heads: RawHeads, batch: Example, weights: Sequence[Tensor]
) -> Sequence[Tensor | None]:
    """The derivatives of the loss by each of `weights`; None where it does not depend on one."""
    try:
        with torch.enable_grad():
            loss = _loss(output_tensors(comparable_outputs(network, batch, heads)), batch_size(batch))
            with safe_backward():
                return torch.autograd.grad(loss, weights, allow_unused=True)
    except RuntimeError as error:
        raise UserError(
            f"{option('criterion', 'taylor')} needs gradients, which do not come through this network:"
            f" {one_line(error)}; give another criterion, such as l1"
        ) from error


def _loss(outputs: list[Tensor], images: int) -> Tensor:
    scores = next((each for each in outputs if each.ndim == 2 and len(each) == images and each.shape[1] > 1), None)
    if scores is not None:
        return F.cross_entropy(scores, scores.detach().argmax(dim=1))
    return torch.stack([each.square().mean() for each in outputs if each.is_floating_point()]).sum()
