"""The metric that needs no labels: how near a network's outputs are to those of the original."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from amc.graph.raw_heads import RawHeads, comparable_outputs
from amc.recovery.output_distance import SCORES, OutputKinds, float_tensors, output_errors

ROUNDING = 1e-5
"""A divergence or a relative squared error below this is rounding, as of folded batch norms, and counts as none."""


@dataclass(frozen=True, eq=False)
class WantedOutputs:
    """The outputs of the original for a batch of images, which stand in the place of targets.

    Attributes:
        tensors: The floating-point tensors that it returned, `(n, ...)` each.
        kinds: The kind of each.
        heads: The modules that gave them; none for what the networks return.
    """

    tensors: tuple[Tensor, ...]
    kinds: OutputKinds
    heads: RawHeads = ()


@dataclass(frozen=True)
class Fidelity:
    """The nearness of a network's outputs to the original's, in [0, 1]; 1 for equal ones, and so for the original.

    Of scores of classes it is `exp(-d)`, where `d` is the mean Kullback-Leibler divergence in nats of the original's
    class probabilities from the network's; of other values `1 - e`, and not below 0, where `e` is the squared error
    over all images relative to the energy of the original's outputs. Of several outputs it is the mean, in which one
    that is not finite has 0.
    """

    def __call__(self, model: nn.Module, batches: Iterable[tuple[Any, Any]]) -> float:
        """The fidelity of a network on batches of inputs and `WantedOutputs` (`amc.scoring.original_outputs`).

        Raises:
            UserError: It returns other outputs than the original, by number or by shape.
        """
        sums: list[Tensor] = []
        kinds: OutputKinds = ()
        with torch.inference_mode():
            for inputs, wanted in batches:
                if not isinstance(wanted, WantedOutputs):
                    raise TypeError(
                        "fidelity needs the original's outputs as targets; see amc.scoring.original_outputs"
                    )
                kinds = wanted.kinds
                found = float_tensors(comparable_outputs(model, inputs, wanted.heads))
                originals = [tensor.to(found[0].device) if found else tensor for tensor in wanted.tensors]
                errors = output_errors(found, originals, kinds)
                sums.append(torch.stack([torch.stack([part.double().sum() for part in each]) for each in errors]))
        totals = torch.stack(sums).sum(dim=0).tolist()
        return sum(_nearness(kind, *each) for kind, each in zip(kinds, totals, strict=True)) / len(kinds)


def _nearness(kind: str, error: float, energy: float) -> float:
    """The fidelity of one output from its summed error and energy, in [0, 1]."""
    relative = error / energy if energy else math.inf * error if error else 0.0
    if not math.isfinite(relative):
        return 0.0
    if relative < ROUNDING:
        return 1.0
    return math.exp(-relative) if kind == SCORES else max(0.0, 1 - relative)
