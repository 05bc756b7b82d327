"""One layer as an ONNX model of its own, to be measured with any numbers of channels."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from amc.latency.layer_shapes import CHANNELS_LAST, LayerShape

if TYPE_CHECKING:
    import onnx


def layer_onnx(shape: LayerShape, inputs: int, outputs: int, like: onnx.ModelProto) -> bytes:
    """A layer with any numbers of channels and random weights, as a serialised ONNX model.

    Args:
        shape: The layer.
        inputs: The number of input channels; rounded down to whole groups.
        outputs: The number of output channels; rounded down to whole groups.
        like: A model whose versions of ONNX and its operators the new one has.
    """
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
