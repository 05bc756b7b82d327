"""What a traced network is made of: axes, layers and channel groups, as immutable records without tensors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amc.utils.notebook_table import html_table
from amc.utils.text import shortened

KeptCounts = NDArray[np.int64]
"""The number of units of each group that stay, int64 `(groups,)`."""


@dataclass(frozen=True, eq=False)
class Axis:
    """An axis of a tensor, whose length follows the kept counts.

    Attributes:
        units: The unit of each position, numbered over all groups, or -1 where the position can't be cut; int64.
        inner: A second unit of each position, of another group, where it stays only if both do: channels of attention
            have one of their head and one of the width of keys. None for an axis without such positions.
    """

    units: NDArray[np.int64]
    inner: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.units)

    @property
    def memberships(self) -> tuple[NDArray[np.int64], ...]:
        """The units that each position stays with, one array or two."""
        return (self.units,) if self.inner is None else (self.units, self.inner)

    @property
    def factors(self) -> tuple[Axis, ...]:
        """Axes of one membership each, the product of whose lengths is the length of this one whatever is cut."""
        if self.inner is None:
            return (self,)
        return Axis(np.unique(self.units)), Axis(self.inner[self.units == self.units[0]])

    def stays(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return whether each position stays, for a mask over all units, bool `(units,)`."""
        with_fixed = np.append(mask, True)
        return np.logical_and.reduce([with_fixed[units] for units in self.memberships])

    def kept(self, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return the positions that stay, ascending, for a mask over all units, bool `(units,)`."""
        return np.flatnonzero(self.stays(mask))

    def taken(self, positions: NDArray[np.int64]) -> Axis:
        """Return the axis of some of the positions."""
        return Axis(*(units[positions] for units in self.memberships))

    def renumbered(self, number: NDArray[np.int64]) -> Axis:
        """Return the axis with other numbers of units; `number` ends in -1, for positions that can't be cut."""
        first, *rest = [each for units in self.memberships if ((each := number[units]) >= 0).any()] or [
            number[self.units]
        ]
        return Axis(first, *rest)

    @property
    def description(self) -> list[int] | list[list[int]]:
        """The units as lists: one, or one of each membership."""
        return self.units.tolist() if self.inner is None else [each.tolist() for each in self.memberships]

    @property
    def is_cuttable(self) -> bool:
        """Whether any position of the axis belongs to a group."""
        return any(bool((units >= 0).any()) for units in self.memberships)


def cuttable_axes(axes: Mapping[int, Axis]) -> dict[int, Axis]:
    """Return the axes that belong to groups, by dimension."""
    return {dim: axis for dim, axis in axes.items() if axis.is_cuttable}


@dataclass(frozen=True, eq=False)
class Layer:
    """One call of a convolution or a linear operator.

    MACs for one image are `positions * kernel_size * len(out) * len(weight_in)`.

    Attributes:
        name: The name of the weight without `.weight`, or of the module where the weight is no parameter.
        call: The place of this call among all convolution and linear calls of a forward pass.
        weight: The name of the weight's parameter; None where the weight is computed.
        bias: The name of the bias's parameter; None where there is none.
        transposed_weight: Whether the weight is stored as `(in, out, ...)` rather than `(out, in, ...)`.
        inputs: The channels of the input.
        weight_in: The axis of the weight that is summed over, `in / groups` long.
        out: The channels of the output.
        positions: The number of places in one image at which the weight is applied: pixels of the output, pixels of the
            input for a transposed convolution, rows for a linear layer.
        kernel: The spatial size of the weight; empty for a linear layer.
        stride: The stride along each spatial axis; empty for a linear layer.
        groups: The number of groups of a grouped convolution; 1 for any other layer.
        input_size: The spatial size of the input; empty for a linear layer.
        norm: The module of the batch norm that reads this output and is alone in it; None where there is none.
    """

    name: str
    call: int
    weight: str | None
    bias: str | None
    transposed_weight: bool
    inputs: Axis
    weight_in: Axis
    out: Axis
    positions: int
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    groups: int
    input_size: tuple[int, ...]
    norm: str | None

    @property
    def is_depthwise(self) -> bool:
        """Whether every output is made of one channel of the input, in several groups."""
        return self.groups > 1 and len(self.weight_in) == 1

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image, with nothing cut."""
        return self.positions * self.kernel_size * len(self.out) * len(self.weight_in)

    @property
    def in_dimension(self) -> int:
        """The dimension of the stored weight that is summed over."""
        return 0 if self.transposed_weight else 1

    @property
    def kernel_size(self) -> int:
        """The number of weights for each pair of input and output channel."""
        return int(np.prod(self.kernel, dtype=np.int64))


@dataclass(frozen=True)
class Group:
    """Channels that must be cut together; they share one kept count.

    A *unit* is the least that can be cut: one channel in each tensor of the group, or several where a grouped
    convolution ties them.

    Attributes:
        index: The place of the group in `PruningGraph.groups`.
        name: The name of the first producer, numbered where several groups come from it.
        width: The number of channels of the first producer that belong to the group.
        units: The number of units.
        first_unit: The number of the group's first unit, counted over all groups.
        choices: The numbers of units that may stay, ascending; the last is all of them.
        producers: The layers that make the channels, as indices into `PruningGraph.layers`.
        consumers: The layers that read the channels, as indices into `PruningGraph.layers`.
        assumed: The operators that are assumed to follow the number of channels.
    """

    index: int
    name: str
    width: int
    units: int
    first_unit: int
    choices: tuple[int, ...]
    producers: tuple[int, ...]
    consumers: tuple[int, ...]
    assumed: tuple[str, ...] = ()

    @property
    def channels_per_unit(self) -> int:
        """Channels of the first producer that one unit stands for."""
        return self.width // self.units

    @property
    def slice(self) -> slice:
        """The group's units among the units of all groups."""
        return slice(self.first_unit, self.first_unit + self.units)


@dataclass(frozen=True)
class Frozen:
    """Channels that can't be cut, named after the layer that produces them, and the reason."""

    name: str
    width: int
    reason: str


@dataclass(frozen=True, eq=False)
class SizeAttribute:
    """An attribute of a module that holds how many channels an operator takes, for each piece of a tensor."""

    module: str
    attribute: str
    pieces: tuple[Axis, ...]


ATTENTION = "scaled_dot_product"
"""What all operators of attention are called among statistics: which of them runs depends on the device."""


def statistic_name(operator: str) -> str:
    """Return what an ATen operator of that bare name is called among statistics, whatever the device."""
    return ATTENTION if operator.startswith(f"_{ATTENTION}_") else operator


@dataclass(frozen=True, eq=False)
class Statistic:
    """A norm, mean, product or other number taken over channels; in a pruned network, over those that are left.

    Attributes:
        operator: The name of the operator (`statistic_name`).
        call: The place of this call among all calls of operators of that name in a forward pass.
        axes: The axes of the operator's input that hold channels and over which it is taken, by dimension.
    """

    operator: str
    call: int
    axes: dict[int, Axis]


@dataclass(frozen=True, eq=False)
class Scale:
    """A number that a network computes from how many channels there are: one over the root of the keys' width.

    In a compact network it is larger. Entries of parameters, to which the products are proportional, make up for it.

    Attributes:
        entries: The positions of these entries, int64, as `{parameter: {dimension: positions}}`.
        width: The channels that are counted.
        exponent: The number is their count to the power of minus this.
    """

    entries: dict[str, dict[int, NDArray[np.int64]]]
    width: Axis
    exponent: float


@dataclass(frozen=True, eq=False)
class Activation:
    """Memory that a forward pass writes and reads: `bytes` times the lengths of `axes`, for one image.

    It is needed from operator number `made` to operator number `last`, both included.
    """

    axes: tuple[Axis, ...]
    bytes: int
    made: int
    last: int


@dataclass(frozen=True, eq=False, repr=False)
class PruningGraph:
    """The layers and channel groups of one network, in forward order.

    Attributes:
        layers: The layers that run in evaluation mode.
        auxiliary: The layers that run in training mode only: they are cut, but not counted.
        groups: The channel groups.
        frozen: The channels that can't be cut, each with the reason.
        tensors: The axes of each parameter or buffer that follows the groups, `{name: {dimension: Axis}}`.
        shapes: The shape of every parameter, by name.
        element_sizes: The bytes of one element of every parameter, by name.
        sizes: The attributes of modules that hold numbers of channels and change with the groups.
        statistics: The norms, means, products and the like that are taken over channels of groups.
        scales: The numbers that the network computes from the width of keys.
        activations: The memory of the activations, for one image.
        results: The axes that follow the groups of the first result of each operator in forward order,
            `{dimension: Axis}`.
        inputs: The shapes of the inputs without the batch, and their types, as text (`amc.graph.input_spec`).
        heads: The modules whose outputs stand for what the network returns (`amc.graph.raw_heads`).
    """

    layers: tuple[Layer, ...]
    auxiliary: tuple[Layer, ...]
    groups: tuple[Group, ...]
    frozen: tuple[Frozen, ...]
    tensors: dict[str, dict[int, Axis]]
    shapes: dict[str, tuple[int, ...]]
    element_sizes: dict[str, int]
    sizes: tuple[SizeAttribute, ...]
    statistics: tuple[Statistic, ...]
    scales: tuple[Scale, ...]
    activations: tuple[Activation, ...]
    results: tuple[dict[int, Axis], ...]
    inputs: str
    heads: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return (
            f"<PruningGraph for inputs of {self.inputs}: {len(self.layers)} layers, {len(self.groups)} groups of"
            f" {sum(group.width for group in self.groups):,} channels, {len(self.frozen)} frozen>"
        )

    def _repr_html_(self) -> str:
        rows = [(group.name, str(group.width), "", self._names(group.consumers)) for group in self.groups]
        rows += [(frozen.name, str(frozen.width), frozen.reason, "") for frozen in self.frozen]
        head = ["channels of", "number", "frozen, since", "read by"]
        return html_table(head, rows, f"Channel groups for inputs of {self.inputs}", text_columns=(0, 2, 3))

    def _names(self, layers: tuple[int, ...]) -> str:
        return shortened([self.layers[each].name for each in layers], 3)

    @property
    def unit_count(self) -> int:
        """The number of units in all groups."""
        return sum(group.units for group in self.groups)

    @property
    def full(self) -> KeptCounts:
        """The kept counts that cut nothing, int64 `(groups,)`."""
        return np.array([group.units for group in self.groups], dtype=np.int64)

    @property
    def least(self) -> KeptCounts:
        """The kept counts that cut as much as may be cut, int64 `(groups,)`."""
        return np.array([group.choices[0] for group in self.groups], dtype=np.int64)

    @property
    def fingerprint(self) -> str:
        """A digest of groups, axes and shapes: equal for equal architectures, whatever the weights."""
        description = {
            "tensors": {
                name: {str(dim): axis.description for dim, axis in sorted(axes.items())}
                for name, axes in sorted(self.tensors.items())
            },
            "shapes": {name: list(shape) for name, shape in sorted(self.shapes.items())},
            "groups": [[group.name, group.width, group.units] for group in self.groups],
        }
        return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()[:16]
