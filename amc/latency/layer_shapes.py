"""What the layers of an ONNX export compute, and each of them as a network of its own.

A layer is a convolution or a linear operator with what fuses with it: the norm and the activations that read its output
and nothing else that is computed.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from amc.artifacts.checked_json import Size
from amc.graph import PruningGraph

if TYPE_CHECKING:
    import onnx

OPERATORS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
PLAIN = ("Relu", "LeakyRelu", "Elu", "HardSwish", "HardSigmoid", "Sigmoid", "Tanh", "Clip", "Mish", "Softplus")
"""Activations that follow: each reads one tensor, and numbers."""
CHANNELS_LAST = ("Gemm", "MatMul")


@dataclass(frozen=True)
class LayerShape:
    """A layer but for the values of its weights; two layers of one shape take the same time.

    Attributes:
        operator: In ONNX's name.
        attributes: Its attributes, as JSON.
        kernel: Spatial size of the weight; empty for a linear layer.
        size: Spatial size of the input; of a linear layer the number of rows.
        inputs, outputs: Channels.
        groups: Of the convolution.
        tied: Whether groups are cut as a whole, so that input and output channels stay in proportion; else as many
            channels are cut in each of them.
        then: What fuses with it: operators with their attributes and constants, as JSON.
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
    """The shapes of the layers of `graph`, by their place among them; those that the export has in other forms are not.

    `export` is of the network that `graph` is the analysis of, as it is.
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


def layer_model(shape: LayerShape, inputs: int, outputs: int, like: onnx.ModelProto) -> bytes:
    """The layer with other numbers of channels and random weights, as a model of the version that `like` has."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    tensors: dict[str, Any] = {}

    def tensor(name: str, *size: int) -> str:
        tensors[name] = rng.uniform(0.5, 1.5, size).astype(np.float32) / max(1, int(np.prod(size[1:])))
        return name

    attributes = json.loads(shape.attributes)
    if shape.operator in CHANNELS_LAST:
        turned = bool(attributes.get("transB"))
        weight = tensor("weight", *((outputs, inputs) if turned else (inputs, outputs)))
        given = (*shape.size, inputs)
    else:
        groups = max(1, inputs * shape.groups // shape.inputs) if shape.tied else shape.groups
        inputs, outputs = (max(1, width // groups) * groups for width in (inputs, outputs))
        attributes["group"] = groups
        size = (inputs, outputs // groups) if shape.operator == "ConvTranspose" else (outputs, inputs // groups)
        weight = tensor("weight", *size, *shape.kernel)
        given = (1, inputs, *shape.size)
    bias = [] if shape.operator == "MatMul" else [tensor("bias", outputs)]
    nodes = [helper.make_node(shape.operator, ["x", weight, *bias], ["y"], **attributes)]
    for place, text in enumerate(shape.then):
        step = json.loads(text)
        extra = []
        for number, value in enumerate(step["constants"]):
            name = f"{place}.{number}"
            if value is None:
                extra.append(tensor(name, outputs))
            else:
                tensors[name] = np.float32(value)
                extra.append(name)
        nodes.append(
            helper.make_node(step["operator"], [nodes[-1].output[0], *extra], [f"y{place}"], **step["attributes"])
        )
    result = helper.make_graph(
        nodes,
        "layer",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, given)],
        [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in tensors.items()],
    )
    model = helper.make_model(result, opset_imports=like.opset_import, ir_version=like.ir_version)
    content: bytes = model.SerializeToString()
    return content


def _attributes(node: onnx.NodeProto) -> str:
    from onnx import helper

    found = {}
    for attribute in node.attribute:
        value = helper.get_attribute_value(attribute)
        if attribute.name != "group":
            found[attribute.name] = value.decode() if isinstance(value, bytes) else value
    return json.dumps(found, sort_keys=True, default=list)


def _constants(model: onnx.ModelProto) -> dict[str, float]:
    """Single numbers that are written into the model, by name."""
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
