"""The record of a forward pass, filled by the rules of `amc.graph.operators` while the network runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from types import FrameType
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

from amc.graph.activation_memory import ActivationMemory
from amc.graph.channels import Atoms, Channels, Label, Labels
from amc.graph.size_origins import Sizes
from amc.graph.source_location import frame_lines, user_line
from amc.graph.structure import statistic_name
from amc.graph.value_sources import Sources


@dataclass(frozen=True)
class TensorInfo:
    """A tensor's labels, the parameter or buffer that it is (or a permutation of), and the layer that made it."""

    labels: Labels
    parameter: str | None = None
    layer: int | None = None


@dataclass(frozen=True)
class LayerCall:
    """A convolution or linear call as it was traced; each axis is given by its label, or None, and its length."""

    name: str
    call: int
    weight: str | None
    bias: str | None
    transposed_weight: bool
    inputs: tuple[Label, int]
    weight_in: tuple[Label, int]
    out: tuple[Label, int]
    positions: int
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    groups: int
    input_size: tuple[int, ...]
    fixed: str | None  # why its outputs can't be cut, where nothing is known of them


@dataclass(frozen=True)
class Call:
    """One operator call: its bare name, its arguments by the schema's names, its result, and where it ran."""

    name: str
    arguments: dict[str, Any]
    out: Any
    module: str
    frame: FrameType | None  # the innermost of Python

    @property
    def where(self) -> str:
        """The operator, the module, and the line of the network's own code that called it, for reasons."""
        line = user_line(frame_lines(self.frame))
        return f"aten.{self.name} in {self.module or 'the network itself'}{line}"

    def tensors(self) -> list[Tensor]:
        """Return all tensors among the arguments, in lists too."""
        return [leaf for leaf in tree_leaves(self.arguments) if isinstance(leaf, Tensor)]

    def outputs(self) -> list[Tensor]:
        """Return all tensors of the result."""
        return [leaf for leaf in tree_leaves(self.out) if isinstance(leaf, Tensor)]


class Trace:
    """Everything that one forward pass shows of a network's channels: labels, layers, norms, sizes and memory."""

    def __init__(self, model: nn.Module, batch: int) -> None:
        self.channels = Channels()
        self.batch = batch
        self.layers: list[LayerCall] = []
        self.auxiliary: list[LayerCall] = []  # those that run in training mode only
        self.norms: dict[int, str] = {}  # layer -> module of the batch norm that reads its output
        self.norm_runs: Counter[str] = Counter()  # how often each batch norm module ran
        self.read_elsewhere: set[int] = set()  # layers whose output something else than one batch norm reads
        self.modules: dict[str, nn.Module] = dict(model.named_modules())
        self.stack: list[str] = [""]
        self.stored_labels: dict[str, Labels] = {}  # labels of parameters and buffers that were used
        self.sizes: list[tuple[str, str, Labels]] = []  # module, its attribute, labels of the pieces that it counts
        self.statistics: list[tuple[str, int, dict[int, Atoms]]] = []  # operator, its call, labels of its input
        self.scales: list[tuple[Atoms, Atoms, float]] = []  # entries of parameters, width of keys, exponent
        self.sources = Sources()
        self.asked: Sizes | None = None  # the sizes that the operator to come is given
        self.attended: Label = None  # the channels that the attention that runs splits into heads
        self.selects = False  # whether some shape follows from the values of a tensor
        self.results: list[Labels] = []  # labels of the first result of each operator
        self.activation_memory = ActivationMemory()
        self._positions = WeakTensorKeyDictionary()  # where the largest channels are: their label, and what found them
        self._asked_sizes: list[tuple[str, list[tuple[int, Atoms]]]] = []
        self._statistic_calls: Counter[str] = Counter()
        self._names = {id(tensor): name for name, tensor in model.named_parameters()}
        self._parameters = set(self._names.values())
        self._names |= {id(tensor): name for name, tensor in model.named_buffers() if tensor.is_floating_point()}
        self._info = WeakTensorKeyDictionary()
        self._of_images = WeakTensorKeyDictionary()  # tensors that were computed from the images
        self._calls = 0

    def for_another_pass(self, model: nn.Module) -> Trace:
        """Return an empty trace of another forward pass through the same channels."""
        other = Trace(model, self.batch)
        other.channels, other.stored_labels, other.sizes, other.scales, other._info = (
            self.channels,
            self.stored_labels,
            self.sizes,
            self.scales,
            self._info,
        )
        other._asked_sizes = self._asked_sizes
        return other

    def info(self, tensor: Tensor) -> TensorInfo:
        """Return what is known of `tensor`; a parameter or buffer gets fresh atoms when it is first met."""
        known = self._info.get(tensor)
        if known is None:
            name = self._names.get(id(tensor))
            if name is None:
                return TensorInfo((None,) * tensor.ndim)
            labels = tuple(self.channels.new(size) if size > 1 else None for size in tensor.shape)
            known = TensorInfo(labels, parameter=name)
            self.stored_labels[name] = labels
            self._info[tensor] = known
        return known

    def parameter(self, tensor: Tensor) -> str | None:
        """Return the name of the parameter that `tensor` is, or a permutation of; None for anything else."""
        name = self.info(tensor).parameter
        return name if name in self._parameters else None

    def labels(self, tensor: Tensor) -> Labels:
        """Return the labels of the axes of `tensor`."""
        return self.info(tensor).labels

    def label(self, tensor: Tensor, labels: Labels, parameter: str | None = None, layer: int | None = None) -> None:
        """Record the labels of an operator's result, and the parameter or layer that it is."""
        assert len(labels) == tensor.ndim, f"{len(labels)} labels for a tensor of {tensor.ndim} axes"
        self._info[tensor] = TensorInfo(labels, parameter, layer)

    def note_sizes(self, asked: Sizes | None, attended: Label) -> None:
        """Note the sizes that the operator to come is given, and the channels that attention splits (`SizeOrigins`)."""
        self.asked, self.attended = asked, attended

    def add_images(self, images: Tensor) -> None:
        """Record an input of the network."""
        self._of_images[images] = True
        self.activation_memory.add_input(images, self.batch)

    def follow_images(self, call: Call) -> None:
        """Record whether the result of a call depends on the images."""
        if any(tensor in self._of_images for tensor in call.tensors()):
            for out in call.outputs():
                self._of_images[out] = True

    def add_memory(self, call: Call, is_elementwise: bool) -> None:
        """Record what a call reads and makes, once its results are labelled."""
        written = [(out, self.labels(out), self.batch if out in self._of_images else 1) for out in call.outputs()]
        self.activation_memory.add_operator(call.tensors(), written, is_elementwise)

    def add_result(self, call: Call) -> None:
        """Record the labels of what a call returns first, once they are known."""
        outputs = call.outputs()
        self.results.append(self.labels(outputs[0]) if outputs else ())

    def positions(self, rows: Tensor) -> int:
        """Return how many of the `rows` of a layer's input belong to one image; all where they depend on no image."""
        return rows.shape[0] // self.batch if rows in self._of_images else rows.shape[0]

    def add_layer(self, layer: LayerCall) -> int:
        """Record a layer and return its index."""
        self.layers.append(layer)
        return len(self.layers) - 1

    def freeze(self, labels: Sequence[Label], reason: str) -> None:
        """Record that no channel under any of `labels` can be cut, because of `reason`."""
        for label in labels:
            self.channels.freeze(label, reason)

    def add_positions(self, positions: Tensor, label: Label, call: Call) -> None:
        """Record that a tensor holds positions among channels, which mean others once some channels are cut."""
        self._positions[positions] = (label, f"a position among channels is found by {call.where}")

    def read_positions(self, tensors: Sequence[Tensor]) -> None:
        """Freeze the channels whose positions are in any of the tensors, which something reads."""
        for tensor in tensors:
            if tensor in self._positions:
                label, reason = self._positions[tensor]
                self.freeze((label,), reason)

    def follow_size(self, module: str, size: int | Sequence[int], pieces: Labels) -> bool:
        """Record which attribute of `module` holds the `size` of `pieces`; return False where none does.

        Pieces without a label get atoms of their own, which stay.
        """
        wanted = size if isinstance(size, int) else list(size)
        for name, value in vars(self.modules[module]).items():
            if _whole_numbers(value) == wanted:
                sizes = [size] if isinstance(size, int) else size
                known = [self.channels.new(n) if p is None else p for n, p in zip(sizes, pieces, strict=True)]
                self.sizes.append((module, name, tuple(known)))
                return True
        return False

    def follow_sizes(self, module: str, sizes: Sequence[int], labels: Labels) -> bool:
        """Note that attributes of `module` may hold the sizes of labelled axes; return False where none does.

        An axis on which channels recur, as heads of several images do, is longer than any number of channels.
        """
        labels = tuple(None if label is None or len(np.unique(label)) < len(label) else label for label in labels)
        held = {_whole_numbers(value) for value in vars(self.modules[module]).values() if isinstance(value, Integral)}
        found = [(size, label) for size, label in zip(sizes, labels, strict=True) if label is not None and size in held]
        if found:
            self._asked_sizes.append((module, found))
        return bool(found)

    def settle_sizes(self) -> None:
        """Record which attributes hold the sizes that were noted, once it is known which of them follow the channels.

        All attributes of a size go with its axis. Axes of one size, which tells them apart no longer, have an attribute
        each, in the order in which they were set. Axes that one attribute serves in turn are tied.
        """
        is_fixed = self.channels.fixed_atoms()
        labels: dict[tuple[str, str], Atoms] = {}
        for module, found in self._asked_sizes:
            free = [(size, label) for size, label in found if not is_fixed[label].any()]
            for size in {size for size, _ in free}:
                axes = [label for each, label in free if each == size]
                names = [name for name, value in vars(self.modules[module]).items() if _whole_numbers(value) == size]
                for number, name in enumerate(names):
                    for label in axes if len(axes) < 2 else axes[number : number + 1]:
                        if (module, name) not in labels:
                            self.sizes.append((module, name, (label,)))
                        self.channels.tie(labels.setdefault((module, name), label), label)

    def holds(self, module: str, number: float) -> bool:
        """Return whether an attribute of `module` is that number, which the code then need not have computed."""
        return any(isinstance(value, float) and value == number for value in vars(self.modules[module]).values())

    def scale_follows_width(self, x: Tensor, label: Label, exponent: float, call: Call) -> None:
        """Record that `x` is multiplied by the number of channels of `label` to the power of `-exponent`.

        A compact network multiplies by a larger number, which parameters that `x` is proportional to make up for; where
        none are known, the axis is frozen.
        """
        atoms = self.sources.of(x)
        if label is not None and atoms is not None:
            self.scales.append((atoms, label, exponent))
        else:
            self.freeze((label,), f"the scale follows their number in {call.where}")

    def add_statistic(self, call: Call, labels: dict[int, Label]) -> None:
        """Record a number that an operator takes over labelled axes, by the dimension of its input."""
        known = {dim: label for dim, label in labels.items() if label is not None}
        name = statistic_name(call.name)
        if known:
            self.statistics.append((name, self._statistic_calls[name], known))
        self._statistic_calls[name] += 1

    def next_call(self) -> int:
        """Return the number of this convolution or linear call among all of the pass."""
        self._calls += 1
        return self._calls - 1

    def is_batch_norm(self, module: str) -> bool:
        """Return whether `module` is a batch-norm module; a functional batch norm has no statistics of its own."""
        return isinstance(self.modules.get(module), _BatchNorm)


def _whole_numbers(value: Any) -> int | list[int] | None:
    """Return a whole number or a list of them as plain integers; None for anything else, such as equal arrays."""
    if isinstance(value, list | tuple) and all(isinstance(_whole_numbers(each), int) for each in value):
        return [int(each) for each in value]
    return int(value) if isinstance(value, Integral) and not isinstance(value, bool) else None
