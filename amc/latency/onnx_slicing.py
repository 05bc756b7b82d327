"""One ONNX export that serves all compact networks: its initialisers are sliced as the parameters are.

An export takes seconds, slicing it takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from amc.artifacts.onnx_conversion import unoptimised_onnx
from amc.graph import Example, PruningGraph
from amc.pruning.slicing import Selection, UnitMask, choose_units, compact, make_selection

if TYPE_CHECKING:
    import onnx

INFERRED = -1
"""The size in the shape of a Reshape that ONNX infers from the others."""


class Exporter:
    """Exports the compact networks of one network as ONNX, by slicing one export where that gives the same.

    Whether it does is found out once: a network with about half of every group is exported too, and must equal the
    sliced one node by node. Shapes written into Reshape nodes are left to be inferred where a single size in them
    differs.

    Args:
        model: The network, which is not changed.
        graph: The network's analysis.
        example: An input of the network.

    Attributes:
        graph: The analysis.
        whole: The export of the network as it is.
        can_slice: Whether the export is sliced; else each compact network is exported.

    Raises:
        UserError: Packages are missing, or the network can't be exported.
    """

    def __init__(self, model: nn.Module, graph: PruningGraph, example: Example) -> None:
        self._model = model
        self.graph = graph
        self._example = example
        self.whole = _plain(unoptimised_onnx(model, example))
        self._arrays = _arrays(self.whole)
        halves = np.array([group.choices[(len(group.choices) - 1) // 2] for group in graph.groups], dtype=np.int64)
        selection = make_selection(graph, model, choose_units(graph, np.zeros(graph.unit_count), halves))
        probe = _plain(unoptimised_onnx(compact(model, selection), example))
        _infer_what_differs(self.whole, probe)
        self.can_slice = _same_but_for_values(self._sliced(selection), probe)

    @property
    def original(self) -> bytes:
        """The network as it is, as a serialised ONNX model."""
        return self.whole.SerializeToString()

    def compact(self, mask: UnitMask) -> bytes:
        """The compact network in which the units `mask` stay, with the original's weights, as serialised ONNX."""
        selection = make_selection(self.graph, self._model, mask)
        if self.can_slice:
            return self._sliced(selection).SerializeToString()
        return unoptimised_onnx(compact(self._model, selection), self._example).SerializeToString()

    def _sliced(self, selection: Selection) -> onnx.ModelProto:
        from onnx import ModelProto, numpy_helper

        result = ModelProto()
        result.CopyFrom(self.whole)
        for initialiser in result.graph.initializer:
            axes = selection.tensors.get(initialiser.name)
            if axes is not None:
                initialiser.CopyFrom(
                    numpy_helper.from_array(_taken(self._arrays[initialiser.name], axes), initialiser.name)
                )
        for node in result.graph.node:
            module = node.input[1].rpartition(".")[0] if len(node.input) > 1 else ""
            for attribute in node.attribute:
                if attribute.name == "group":
                    attribute.i = selection.attributes.get(module, {}).get("groups", attribute.i)
        return result


def _plain(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without what is no part of the computation: shapes between the nodes, notes of the exporter."""
    del model.graph.value_info[:]
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    for each in (*model.graph.node, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del each.metadata_props[:]
        each.doc_string = ""
    return model


def _arrays(model: onnx.ModelProto) -> dict[str, NDArray[Any]]:
    from onnx import numpy_helper

    return {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}


def _taken(array: NDArray[Any], axes: Mapping[int, Sequence[int]]) -> NDArray[Any]:
    for dim, positions in axes.items():
        array = array.take(positions, axis=dim)
    return array


def _infer_what_differs(whole: onnx.ModelProto, probe: onnx.ModelProto) -> None:
    """Let sizes in the shapes of Reshape nodes be inferred, in both, where a single one differs between the two."""
    from onnx import numpy_helper

    known = _integers(whole), _integers(probe)
    for nodes in zip(whole.graph.node, probe.graph.node, strict=False):  # unequal lengths: then nothing is sliced
        if any(node.op_type != "Reshape" for node in nodes):
            continue
        shape, other = (values.get(node.input[1]) for values, node in zip(known, nodes, strict=True))
        if shape is None or other is None or shape.shape != other.shape or INFERRED in shape:
            continue
        if (shape != other).sum() == 1:
            inferred = np.where(shape == other, shape, INFERRED)
            for model, node in zip((whole, probe), nodes, strict=True):
                node.input[1] = f"shape of {node.output[0]}"
                model.graph.initializer.append(numpy_helper.from_array(inferred, node.input[1]))
    for model in (whole, probe):
        _drop_unused(model)


def _integers(model: onnx.ModelProto) -> dict[str, NDArray[np.int64]]:
    """The integers that are written into a model, by the name of the tensor: constants, and what is joined of them."""
    from onnx import helper, numpy_helper

    values = {name: array for name, array in _arrays(model).items() if array.dtype == np.int64}
    for node in model.graph.node:
        if node.op_type == "Constant":
            value = helper.get_attribute_value(node.attribute[0])
            array = numpy_helper.to_array(value) if node.attribute[0].name == "value" else np.array(value)
            if array.dtype == np.int64:
                values[node.output[0]] = array
        elif node.op_type == "Concat" and all(name in values and values[name].ndim == 1 for name in node.input):
            values[node.output[0]] = np.concatenate([values[name] for name in node.input])
    return values


def _drop_unused(model: onnx.ModelProto) -> None:
    """Remove nodes whose outputs nothing reads."""
    used = {each.name for each in model.graph.output}
    kept = []
    for node in reversed(model.graph.node):
        if used & set(node.output):
            used |= set(node.input)
            kept.append(node)
    del model.graph.node[:]
    model.graph.node.extend(reversed(kept))


def _same_but_for_values(sliced: onnx.ModelProto, exported: onnx.ModelProto) -> bool:
    """Whether both compute the same but for the values of floating-point initialisers, which need only be as large."""
    nodes = [[each.SerializeToString() for each in model.graph.node] for model in (sliced, exported)]
    outputs = [[each.SerializeToString() for each in model.graph.output] for model in (sliced, exported)]
    return nodes[0] == nodes[1] and outputs[0] == outputs[1] and _forms(sliced) == _forms(exported)


def _forms(model: onnx.ModelProto) -> dict[str, object]:
    """The type and shape of each initialiser by name; of one that is not floating-point its values too."""
    return {
        name: (array.dtype, array.shape) if array.dtype.kind == "f" else (array.dtype, array.tolist())
        for name, array in _arrays(model).items()
    }
