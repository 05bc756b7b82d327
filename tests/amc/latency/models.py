"""Small ONNX models whose latency is known to differ."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper


def multiplications(count: int, size: int = 128, batch: int | str = 1, operator: str = "MatMul") -> bytes:
    """A row of `size` numbers multiplied by a matrix, so many times."""
    shape = [batch, size]
    value = helper.make_tensor_value_info("x0", TensorProto.FLOAT, shape)
    result = helper.make_tensor_value_info(f"x{count}", TensorProto.FLOAT, shape)
    weight = numpy_helper.from_array(np.eye(size, dtype=np.float32), "weight")
    nodes = [helper.make_node(operator, [f"x{index}", "weight"], [f"x{index + 1}"]) for index in range(count)]
    graph = helper.make_graph(nodes, "multiplications", [value], [result], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    return model.SerializeToString()
