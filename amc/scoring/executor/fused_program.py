"""A program that runs all compact networks of one network, made from two of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from amc.graph.inputs import Example
from amc.replay.operator_program import OperatorProgram
from amc.replay.operator_trace import NoProgramError, OperatorTrace, Step
from amc.replay.trace_merging import merged_steps
from amc.scoring.executor.fusion import fuse_steps
from amc.scoring.executor.row_products import by_rows

ChangeSteps = Callable[[Sequence[Step], Sequence[str]], list[Step]]
"""Makes other steps of steps, given the names of parameters and buffers by slot. It may raise NoProgramError."""
MOST_TRACED = 8
"""The number of images that a network is traced on, at the most."""
TOLERANCES = {torch.float32: 1e-4, torch.bfloat16: 0.05}
"""The largest accepted difference between program and network, relative to the largest output, by number format."""


def fused(network: nn.Module, inputs: Example) -> Callable[[Tensor], Tensor] | None:
    """A function that computes what one network does in fewer operators; None where there is none.

    Args:
        network: The network in evaluation mode, in inference form (`amc.pruning.inference_form`).
        inputs: Some inputs, `(n, ...)`.
    """
    program = fused_program([network, network], inputs) if isinstance(inputs, Tensor) else None
    return None if program is None else program.bind(network)


def fused_program(
    networks: Iterable[nn.Module], x: Tensor, change_steps: ChangeSteps | None = None
) -> OperatorProgram | None:
    """A program of fused steps that computes what every compact network of one network does.

    Args:
        networks: The widest compact network and the narrowest; the second may be made once the first is not needed.
        x: Inputs, `(n, ...)`.
        change_steps: What is done with the steps before they are fused.

    Returns:
        The program, or None where there is none, where it does not compute the same finite numbers as the narrowest
        network, where the inputs are not on the CPU in one of the number formats of `TOLERANCES`, or without oneDNN.
    """
    if x.device.type != "cpu" or x.dtype not in TOLERANCES or not torch.backends.mkldnn.is_available():
        return None
    traces = []
    images = x if len(x) >= MOST_TRACED else torch.cat([x] * MOST_TRACED)
    try:
        for count, network in enumerate(networks, MOST_TRACED - 1):  # more where it is narrower: no width grows
            traces.append(OperatorTrace(network, images[:count]))
            narrowest = network
        one, other = traces
        steps = merged_steps(one, other)
        if change_steps is not None:
            steps = change_steps(steps, one.names)
        steps = [by_rows(step, one.shapes) for step in fuse_steps(steps, one.shapes, one.output)]
        program = OperatorProgram(steps, one.names, one.shapes, one.output)
        with torch.inference_mode():
            found, wanted = program.bind(narrowest)(x), narrowest(x)
    except (NoProgramError, RuntimeError):  # RuntimeError: oneDNN can't do it
        return None
    furthest = TOLERANCES[x.dtype] * float(wanted.abs().max())
    return program if math.isfinite(furthest) and torch.allclose(found, wanted, rtol=0, atol=furthest) else None
