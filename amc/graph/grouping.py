"""From what was watched to channel groups: the decisions an agent takes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from torch import nn

from amc.graph.channels import Atoms, Label, components
from amc.graph.notes import LayerCall, Watch
from amc.graph.rounding import choices
from amc.graph.structure import Axis, Frozen, Group, Layer, PruningGraph


def build_graph(
    watch: Watch,
    model: nn.Module,
    input_shape: tuple[int, ...],
    round_to: int | None,
    max_sparsity: float,
) -> PruningGraph:
    """Resolve ties into groups.

    Classes of tied channels that one layer produces together are one group. A group is frozen as a whole where one
    of its channels is, where nothing consumes it, or where its channels are not interchangeable (they appear in
    different numbers in some tensor, so that the cost would depend on which of them stay).
    """
    of_atom, reasons = watch.channels.classes()
    classes = int(of_atom.max()) + 1 if len(of_atom) else 0
    produced = [_classes(of_atom, call.out[0]) for call in watch.layers]
    together = components(classes, [(np.full(len(each) - 1, each[0]), each[1:]) for each in produced if len(each) > 1])

    axes = list(_labels(watch))
    members = {int(part): np.flatnonzero(together == part) for each in produced for part in together[each]}
    groups: list[Group] = []
    frozen: list[Frozen] = []
    unit_of_class = np.full(classes + 1, -1, dtype=np.int64)
    for call, own in zip(watch.layers, produced, strict=True):
        label, width = call.out
        if label is None:
            frozen.append(Frozen(call.name, width, call.fixed or "a single channel"))
        for part in dict.fromkeys(together[own].tolist()):
            if part not in members:
                continue  # an earlier producer has settled it
            units = members.pop(part)
            width = int(np.isin(own, units).sum())
            allowed = choices(len(units), max(width // len(units), 1), round_to, max_sparsity)
            why = _why_frozen(units, of_atom, reasons, axes, watch)
            if why is None and len(allowed) == 1:
                why = "too narrow to be cut by one rounding step"
            if why:
                frozen.append(Frozen(call.name, width, why))
                continue
            first = sum(group.units for group in groups)
            unit_of_class[units] = first + np.arange(len(units))
            has = [bool(np.isin(each, units).any()) for each in produced]
            reads = [bool(np.isin(_classes(of_atom, each.weight_in[0]), units).any()) for each in watch.layers]
            groups.append(
                Group(
                    index=len(groups),
                    name=call.name,
                    width=width,
                    units=len(units),
                    first_unit=first,
                    choices=allowed,
                    producers=tuple(np.flatnonzero(has).tolist()),
                    consumers=tuple(np.flatnonzero(reads).tolist()),
                )
            )

    def axis(label: Label, size: int) -> Axis:
        if label is None:
            return Axis(np.full(size, -1, dtype=np.int64))
        return Axis(unit_of_class[of_atom[label]])

    tensors = {}
    for name, labels in watch.named.items():
        found = {dim: axis(label, 0) for dim, label in enumerate(labels) if label is not None}
        cut = {dim: each for dim, each in found.items() if each.is_cuttable}
        if cut:
            tensors[name] = cut
    return PruningGraph(
        layers=tuple(_layer(call, _only_norm(watch, i), axis) for i, call in enumerate(watch.layers)),
        groups=tuple(groups),
        frozen=tuple(frozen),
        tensors=tensors,
        shapes={name: tuple(parameter.shape) for name, parameter in model.named_parameters()},
        input_shape=input_shape,
    )


def _why_frozen(units: Atoms, of_atom: Atoms, reasons: dict[int, str], axes: list[Atoms], watch: Watch) -> str | None:
    for each in units.tolist():
        if each in reasons:
            return reasons[each]
    if len(units) < 2:
        return "a single channel"
    consumed = np.concatenate([_classes(of_atom, call.weight_in[0]) for call in watch.layers])
    if not np.isin(units, consumed).any():
        return "read by no convolution or linear layer"
    place = np.full(int(of_atom.max()) + 1, -1)
    place[units] = np.arange(len(units))
    for label in axes:
        found = place[of_atom[label]]
        counts = np.bincount(found[found >= 0], minlength=len(units))
        if counts.min() != counts.max():
            return "its channels are not interchangeable: some appear more often than others in one tensor"
    return None


def _only_norm(watch: Watch, layer: int) -> str | None:
    """The batch norm that reads the layer's output, where nothing else does and it reads nothing else."""
    norm = watch.norms.get(layer)
    return None if norm is None or layer in watch.read_elsewhere or watch.norm_runs[norm] > 1 else norm


def _labels(watch: Watch) -> Iterable[Atoms]:
    for labels in watch.named.values():
        yield from (label for label in labels if label is not None)
    for call in watch.layers:
        yield from (label for label, _ in (call.inputs, call.weight_in, call.out) if label is not None)


def _classes(of_atom: Atoms, label: Label) -> Atoms:
    """Class of each position, in order; empty for an unknown axis."""
    return of_atom[label] if label is not None else np.empty(0, dtype=np.int64)


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
