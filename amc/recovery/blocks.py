"""Blocks of a network and of a compact one of it: the pieces between places where one tensor holds everything.

They are found in the operators that the networks run, whatever its modules are called.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from amc.graph import PruningGraph
from amc.graph.structure import Axis
from amc.pruning.slicing import UnitMask, named_tensors
from amc.recovery.training_form import training_steps
from amc.replay.operator_program import OperatorProgram, Place, needed_slots
from amc.replay.operator_trace import NoProgramError, OperatorTrace, Step
from amc.replay.sizeless_operators import CONVOLUTION
from amc.replay.trace_merging import merged_steps

aten = torch.ops.aten
CALLS = {CONVOLUTION, aten.addmm.default, aten.mm.default}
"""The operators that calls of layers are numbered by (`amc.graph.layer_calls.LAYERS`)."""
TRACED = 2
"""The number of images that a network is traced on; once more on one more."""
TOLERANCE = 1e-3
"""The largest accepted difference between the pieces in float32 and the network, relative to the largest output."""


class Boundary(NamedTuple):
    """A place between two blocks.

    Attributes:
        place: Where it is in the programs of both networks.
        axes: The axes of the tensor there that follow the groups, by dimension.
        values: The number of values of the original's tensor there, for one image.
    """

    place: Place
    axes: dict[int, Axis]
    values: int

    def kept(self, tensor: Tensor, mask: UnitMask) -> Tensor:
        """What the units `mask` leave of the original's tensor, `(n, ...)`."""
        for dim, axis in self.axes.items():
            tensor = tensor.index_select(dim, torch.from_numpy(axis.kept(mask)).to(tensor.device))
        return tensor


class Pieces:
    """A network as a program that is run block by block, through which gradients pass.

    Args:
        network: The network, whose parameters and buffers are read whenever it is run.
        program: What it computes.
    """

    def __init__(self, network: nn.Module, program: OperatorProgram) -> None:
        self.parameters = dict(network.named_parameters())
        tensors = named_tensors(network)
        self._program, self._tensors = program, [tensors[name] for name in program.names]

    def run(self, x: Tensor, begin: Place | None = None, end: Place | None = None) -> Tensor:
        """What the network computes from one boundary to another, from its input and to its output where None.

        The tensor `x`, `(n, ...)`, may be written into.
        """
        return self._program.run(self._tensors, x, begin, end)


@dataclass(frozen=True, eq=False)
class Blocks:
    """A network and a compact one of it in the same blocks.

    Attributes:
        original: The pieces of the original.
        compact: The pieces of the compact network.
        boundaries: The places between blocks, in order; one more block follows the last.
        names: The names of the parameters of each block that no other one reads.
    """

    original: Pieces
    compact: Pieces
    boundaries: tuple[Boundary, ...]
    names: tuple[tuple[str, ...], ...]

    @property
    def spans(self) -> list[tuple[Place | None, Place | None]]:
        """Where each block begins and ends; None for the network's input and output."""
        places = [boundary.place for boundary in self.boundaries]
        return list(zip([None, *places], [*places, None], strict=True))


def find_blocks(
    networks: tuple[nn.Module, nn.Module], graph: PruningGraph, mask: UnitMask, x: Tensor, dtype: torch.dtype | None
) -> Blocks:
    """The blocks of a network and of the compact one in which the units `mask` stay.

    Operators without a layer are joined to the layer before them: of several places between two layers, the last that
    holds the most values is taken.

    Args:
        networks: The original and the compact network, in evaluation mode.
        graph: The original's analysis.
        mask: The units that stay, bool `(units,)`.
        x: Inputs, `(n, ...)`.
        dtype: The number format of products; None where it is that of the networks.

    Raises:
        NoProgramError: One of the networks can't be run from a list of operators.
    """
    (steps, trace), (compact_steps, compact_trace) = (_steps(network, x) for network in networks)
    functions = ([step.function for step in each] for each in (steps, compact_steps))
    if len(steps) != len(graph.results) or next(functions) != next(functions):
        raise NoProgramError("it runs other operators than the original")
    original = _pieces(networks[0], steps, trace, x, dtype)
    compact = _pieces(networks[1], compact_steps, compact_trace, x, dtype)
    boundaries = tuple(_boundaries(compact_steps, (trace, compact_trace), graph, mask))
    ends = [0, *(boundary.place.steps for boundary in boundaries), len(steps)]
    read = [_read(compact_steps[begin:end], compact_trace) for begin, end in pairwise(ends)]
    uses = Counter(name for names in read for name in names)
    own = tuple(tuple(sorted(name for name in names if uses[name] == 1)) for names in read)
    return Blocks(original, compact, boundaries, own)


def _steps(network: nn.Module, x: Tensor) -> tuple[list[Step], OperatorTrace]:
    """What a network runs for any number of images."""
    images = torch.cat([x[:1]] * (TRACED + 1))
    one, other = OperatorTrace(network, images[:TRACED]), OperatorTrace(network, images)
    return merged_steps(one, other), one


def _pieces(
    network: nn.Module, steps: Sequence[Step], trace: OperatorTrace, x: Tensor, dtype: torch.dtype | None
) -> Pieces:
    """The program of a network, which is checked to compute what the network does."""

    def made(dtype: torch.dtype | None) -> Pieces:
        changed = training_steps(steps, trace.output, dtype)
        return Pieces(network, OperatorProgram(changed, trace.names, trace.shapes, trace.output))

    with torch.no_grad():
        found, wanted = made(None).run(x[:TRACED].clone()), network(x[:TRACED].clone())
    if not torch.allclose(found, wanted, rtol=0, atol=TOLERANCE * float(wanted.abs().max())):
        raise NoProgramError("its list of operators computes something else")
    return made(dtype)


def _boundaries(
    steps: Sequence[Step], traces: tuple[OperatorTrace, OperatorTrace], graph: PruningGraph, mask: UnitMask
) -> Iterator[Boundary]:
    """The places at which both networks can be cut, one between two layers."""
    trace, _ = traces
    made = {step.out[0]: place for place, step in enumerate(steps) if step.out}
    layers = {layer.call for layer in graph.layers}
    needed_behind = needed_slots(steps, len(trace.names), trace.output)
    calls = layers_seen = 0
    best: Boundary | None = None
    for place, (step, needed) in enumerate(zip(steps, needed_behind, strict=True)):
        if step.function in CALLS:
            if calls in layers:
                if best is not None:
                    yield best
                best, layers_seen = None, layers_seen + 1
            calls += 1
        if not layers_seen or len(needed) != 1 or not needed <= made.keys():
            continue
        (slot,) = needed
        boundary = Boundary(Place(place + 1, slot), graph.results[made[slot]], trace.shapes[slot].numel() // TRACED)
        if _fits(boundary, traces, mask) and (best is None or boundary.values >= best.values):
            best = boundary


def _fits(boundary: Boundary, traces: tuple[OperatorTrace, OperatorTrace], mask: UnitMask) -> bool:
    """Whether a tensor has a row for each image, and the compact network's is what is kept of the original's."""
    shape, compact = (list(trace.shapes[boundary.place.slot]) for trace in traces)
    for dim, axis in boundary.axes.items():
        shape[dim] = len(axis.kept(mask))
    return shape[:1] == [TRACED] and shape == compact


def _read(steps: Sequence[Step], trace: OperatorTrace) -> set[str]:
    """The names of the parameters and buffers that steps read."""
    return {trace.names[slot] for step in steps for slot in step.reads if slot < len(trace.names)}
