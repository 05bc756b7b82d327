"""The shapes of the layers of an ONNX export: all that their latency depends on.

A layer is a convolution or a linear operator with what fuses with it: the norm and the activations that read its output
and nothing else that is computed.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from amc.artifacts.checked_json import Size
from amc.graph import PruningGraph

if TYPE_CHECKING:
    import onnx

OPERATORS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
"""ONNX's operators that are layers."""
PLAIN = ("Relu", "LeakyRelu", "Elu", "HardSwish", "HardSigmoid", "Sigmoid", "Tanh", "Clip", "Mish", "Softplus")
"""Activations that fuse with a layer: each reads one tensor, and numbers."""
CHANNELS_LAST = ("Gemm", "MatMul")
"""Layers whose channels are the last dimension of what they read."""


@dataclass(frozen=True)
class LayerShape:
    """A layer without the values of its weights; two layers of one shape take the same time.

    Attributes:
        operator: ONNX's name of the operator.
        attributes: The operator's attributes without its groups, as JSON.
        kernel: The spatial size of the weight; empty for a linear layer.
        size: The spatial size of the input; of a linear layer the number of rows.
        inputs: The number of input channels.
        outputs: The number of output channels.
        groups: The number of groups of the convolution.
        tied: Whether groups are cut as a whole, so that input and output channels stay in proportion; else as many
            channels are cut in each of them.
        then: The operators that fuse with the layer, with their attributes and constants, as JSON.
    """

    operator: str
    attributes: str
    kernel: tuple[int, ...]
    size: tuple[int, ...]
    inputs: Size
    outputs: Size
    groups: Size
    tied: bool
    then: tuple[str, ...]

    def __str__(self) -> str:
        kernel = "x".join(map(str, self.kernel))
        groups = f", {self.groups} groups" * (self.groups > 1)
        then = "".join(f" + {json.loads(each)['operator']}" for each in self.then)
        words = [self.operator, kernel, f"of {'x'.join(map(str, self.size))}" if self.size else ""]
        return f"{' '.join(filter(None, words))}, {self.inputs} to {self.outputs}{groups}{then}"


def shapes_of(export: onnx.ModelProto, graph: PruningGraph) -> dict[int, LayerShape]:
    """The shapes of the layers of a network, by their position in `graph.layers`.

    Layers that the export holds in another form are left out.

    Args:
        export: The export of the network as it is.
        graph: The network's analysis.
    """
    weights = {each.name: tuple(each.dims) for each in export.graph.initializer}
    turned = {node.output[0]: node.input[0] for node in export.graph.node if node.op_type == "Transpose"}
    readers = Counter(name for node in export.graph.node for name in node.input)
    reader = {name: node for node in export.graph.node for name in node.input}
    numbers = _constants(export)
    places: dict[str, list[int]] = {}
    for index, layer in enumerate(graph.layers):
        if layer.weight is not None:
            places.setdefault(layer.weight, []).append(index)
    found = {}
    for node in export.graph.node:
        if node.op_type not in OPERATORS:
            continue
        name = turned.get(node.input[1], node.input[1])
        if not places.get(name):
            continue
        index = places[name].pop(0)
        layer = graph.layers[index]
        found[index] = LayerShape(
            operator=node.op_type,
            attributes=_attributes(node),
            kernel=() if node.op_type in CHANNELS_LAST else weights[name][2:],
            size=(layer.positions,) if node.op_type in CHANNELS_LAST else layer.input_size,
            inputs=len(layer.inputs),
            outputs=len(layer.out),
            groups=layer.groups,
            tied=layer.groups > 1 and not layer.weight_in.is_cuttable,
            then=tuple(_fused(node, reader, readers, numbers)),
        )
    return found


def _attributes(node: onnx.NodeProto) -> str:
    from onnx import helper

    found = {}
    for attribute in node.attribute:
        value = helper.get_attribute_value(attribute)
        if attribute.name != "group":
            found[attribute.name] = value.decode() if isinstance(value, bytes) else value
    return json.dumps(found, sort_keys=True, default=list)


def _constants(model: onnx.ModelProto) -> dict[str, float]:
    """The single numbers that are written into a model, by name."""
    from onnx import helper, numpy_helper

    arrays = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer if not each.dims}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            arrays[node.output[0]] = numpy_helper.to_array(helper.get_attribute_value(node.attribute[0]))
    return {name: float(array) for name, array in arrays.items() if array.ndim == 0}


def _fused(
    node: onnx.NodeProto, reader: Mapping[str, onnx.NodeProto], readers: Counter[str], numbers: Mapping[str, float]
) -> Iterator[str]:
    while readers[node.output[0]] == 1:
        node = reader[node.output[0]]
        others = node.input[1:]
        if node.op_type == "BatchNormalization":
            constants: list[float | None] = [None] * len(others)
        elif node.op_type in PLAIN and all(name in numbers for name in others):
            constants = [numbers[name] for name in others]
        else:
            return
        yield json.dumps(
            {"operator": node.op_type, "attributes": json.loads(_attributes(node)), "constants": constants}
        )
