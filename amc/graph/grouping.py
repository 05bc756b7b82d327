"""From a trace to a pruning graph: candidates become channel groups, with one kept count each, or are frozen."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from torch import nn

from amc.graph.channel_classes import ChannelClasses
from amc.graph.channels import Atoms, Label, Labels
from amc.graph.freeze import freeze
from amc.graph.rounding import choices
from amc.graph.structure import (
    Activation,
    Axis,
    Frozen,
    Group,
    Layer,
    PruningGraph,
    Scale,
    SizeAttribute,
    Statistic,
    cuttable_axes,
)
from amc.graph.trace import LayerCall, Trace


def build_graph(
    trace: Trace,
    model: nn.Module,
    inputs: str,
    round_to: int | None,
    max_sparsity: float,
) -> PruningGraph:
    """Make the pruning graph of `model` from its trace.

    Each candidate (`amc.graph.channel_classes`) becomes a group. It is frozen as a whole where one of its channels is,
    or where no layer consumes it.

    Args:
        trace: One forward pass of the network.
        model: The network.
        inputs: Shapes and types of its inputs (`amc.graph.input_spec`).
        round_to: Multiple of channels that may stay; None chooses one for each group (`amc.graph.rounding`).
        max_sparsity: Largest share of a group's units that may be cut, in [0, 1].
    """
    classes = ChannelClasses(trace)
    produced = [classes.candidates_in(call.out[0]) for call in trace.layers]
    producers = _layers_by_candidate(produced)
    consumers = _layers_by_candidate([classes.candidates_in(call.weight_in[0]) for call in trace.layers])
    members = classes.members()

    groups: list[Group] = []
    frozen: list[Frozen] = []
    settled: set[int] = set()
    units = 0
    unit_of_class = np.full(len(classes.candidate_of_class) + 1, -1, dtype=np.int64)
    for call, own in zip(trace.layers, produced, strict=True):
        for whole, factor, reason in classes.dropped:
            if call.out[0] is not None and np.array_equal(call.out[0], whole):
                frozen.append(Frozen(call.name, factor, reason))
        if call.out[0] is None:
            frozen.append(Frozen(call.name, call.out[1], call.fixed or "a single channel"))
        for candidate, width in own.items():
            if candidate in settled:
                continue
            settled.add(candidate)
            size = len(members[candidate])
            allowed = choices(size, max(width // size, 1), round_to, max_sparsity)
            why = classes.reasons.get(candidate) or _why_not(
                size, width, allowed, candidate in consumers, classes.assumed.get(candidate, {})
            )
            if why:
                frozen.append(Frozen(call.name, width, why))
                continue
            unit_of_class[members[candidate]] = units + np.arange(size)
            groups.append(
                Group(
                    index=len(groups),
                    name=_unique(call.name, groups),
                    width=width,
                    units=size,
                    first_unit=units,
                    choices=allowed,
                    producers=tuple(producers[candidate]),
                    consumers=tuple(consumers[candidate]),
                    assumed=tuple(classes.assumed.get(candidate, ())),
                )
            )
            units += size

    def axis(label: Label, size: int) -> Axis:
        if label is None:
            return Axis(np.full(size, -1, dtype=np.int64))
        return Axis(*classes.classes_in(label)).renumbered(unit_of_class)

    tensors = {name: cut for name, labels in trace.stored_labels.items() if (cut := _cuttable(labels, axis))}
    graph = PruningGraph(
        layers=tuple(_layer(call, _only_norm(trace, i), axis) for i, call in enumerate(trace.layers)),
        auxiliary=tuple(_layer(call, None, axis) for call in trace.auxiliary),
        groups=tuple(groups),
        frozen=tuple(frozen),
        tensors=tensors,
        shapes={name: tuple(parameter.shape) for name, parameter in model.named_parameters()},
        element_sizes={name: parameter.element_size() for name, parameter in model.named_parameters()},
        sizes=tuple(
            SizeAttribute(module, attribute, tuple(axis(label, 0) for label in labels))
            for module, attribute, labels in trace.sizes
        ),
        statistics=tuple(
            Statistic(operator, number, {dim: axis(label, 0) for dim, label in labels.items()})
            for operator, number, labels in trace.statistics
        ),
        scales=tuple(
            Scale(_entries(trace, atoms), axis(label, 0), exponent) for atoms, label, exponent in trace.scales
        ),
        activations=tuple(
            Activation(tuple(axis(label, 0) for label in each.labels), each.bytes, each.made, each.last)
            for each in trace.activation_memory.with_reuse()
        ),
        results=tuple(_cuttable(labels, axis) for labels in trace.results),
        inputs=inputs,
    )
    return freeze(graph, _uneven(graph))


def _entries(trace: Trace, atoms: Atoms) -> dict[str, dict[int, Atoms]]:
    """Return where the stored tensors have some atoms."""
    found: dict[str, dict[int, Atoms]] = {}
    for name, labels in trace.stored_labels.items():
        for dim, label in enumerate(labels):
            if label is not None and (places := np.flatnonzero(np.isin(label, atoms))).size:
                found.setdefault(name, {})[dim] = places
    return found


def _uneven(graph: PruningGraph) -> dict[int, str]:
    """Return the groups, with the reason, of axes that are not all products of the units of the same two groups."""
    group_of_unit = np.repeat(np.arange(len(graph.groups)), graph.full)
    reasons: dict[int, str] = {}
    for name, axes in graph.tensors.items():
        for axis in axes.values():
            if axis.inner is None:
                continue
            pairs, counts = np.unique(np.stack(axis.memberships), axis=1, return_counts=True)
            sizes = [len(np.unique(row)) for row in pairs]
            one = [len(np.unique(group_of_unit[row])) for row in pairs]
            if pairs.min() < 0 or one != [1, 1] or len(set(counts.tolist())) > 1 or len(counts) != sizes[0] * sizes[1]:
                for group in np.unique(group_of_unit[pairs[pairs >= 0]]).tolist():
                    reasons.setdefault(group, f"two groups share a part of the channels of {name}")
    return reasons


def _cuttable(labels: Labels, axis: Callable[[Label, int], Axis]) -> dict[int, Axis]:
    """Return the axes that belong to groups, by dimension."""
    return cuttable_axes({dim: axis(label, 0) for dim, label in enumerate(labels) if label is not None})


def _unique(name: str, groups: list[Group]) -> str:
    """Return the name of a layer, numbered where several groups come from it."""
    before = sum(group.name == name or group.name.startswith(f"{name}#") for group in groups)
    return f"{name}#{before + 1}" if before else name


def _layers_by_candidate(layers: list[dict[int, int]]) -> dict[int, list[int]]:
    """Return the indices of the layers that have channels of each candidate, in order."""
    result: dict[int, list[int]] = {}
    for index, found in enumerate(layers):
        for candidate in found:
            result.setdefault(candidate, []).append(index)
    return result


def _why_not(
    units: int, width: int, allowed: tuple[int, ...], consumed: bool, splits: Mapping[str, None]
) -> str | None:
    if width < 2:
        return "a single channel"
    if units < 2:
        return f"its channels are tied into one unit{': ' if splits else ''}{next(iter(splits), '')}"
    if not consumed:
        return "read by no convolution or linear layer"
    if len(allowed) == 1:
        return "too narrow to be cut by one rounding step"
    return None


def _only_norm(trace: Trace, layer: int) -> str | None:
    """Return the batch norm that reads a layer's output, where nothing else does and it reads nothing else."""
    norm = trace.norms.get(layer)
    return None if norm is None or layer in trace.read_elsewhere or trace.norm_runs[norm] > 1 else norm


def _layer(call: LayerCall, norm: str | None, axis) -> Layer:  # type: ignore[no-untyped-def]
    return Layer(
        name=call.name,
        call=call.call,
        weight=call.weight,
        bias=call.bias,
        transposed_weight=call.transposed_weight,
        inputs=axis(*call.inputs),
        weight_in=axis(*call.weight_in),
        out=axis(*call.out),
        positions=call.positions,
        kernel=call.kernel,
        stride=call.stride,
        groups=call.groups,
        input_size=call.input_size,
        norm=norm,
    )
