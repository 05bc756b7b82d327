from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from amc.latency.onnx_format import refusal

many = settings(max_examples=60, derandomize=True, deadline=None)


def model(*, inside_a_branch: bool = False) -> onnx.ModelProto:
    """Adds one to its input; in a branch of a condition if so asked."""
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    one = numpy_helper.from_array(np.ones(1, np.float32), "one")
    add = helper.make_node("Add", ["x", "one"], ["y"])
    if inside_a_branch:
        branch = helper.make_graph([add], "branch", [], [result], [one])
        condition = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
        given = helper.make_tensor_value_info("c", TensorProto.BOOL, [])
        return helper.make_model(helper.make_graph([condition], "net", [value, given], [result]))
    return helper.make_model(helper.make_graph([add], "net", [value], [result], [one]))


@pytest.mark.parametrize("inside_a_branch", [False, True])
def test_weights_in_other_files_are_refused(tmp_path: Path, inside_a_branch: bool) -> None:
    whole = model(inside_a_branch=inside_a_branch)
    assert refusal(whole.SerializeToString()) == ""
    graph = whole.graph.node[0].attribute[0].g if inside_a_branch else whole.graph
    tensor = graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    assert refusal(whole.SerializeToString()) == "it has weights in other files"
    tensor.data_location = TensorProto.DEFAULT
    tensor.external_data.add(key="location", value=str(tmp_path / "weights"))
    assert refusal(whole.SerializeToString()) == "it has weights in other files"


@pytest.mark.parametrize("content", [b"", b"\x80", b"PK\x03\x04 a zip", b"\x80\x04\x95 a pickle", b"....ORTM"])
def test_what_is_no_model_is_refused(content: bytes) -> None:
    assert refusal(content).startswith("it is no ONNX model")


def test_half_a_model_is_refused() -> None:
    content = model().SerializeToString()
    assert refusal(content[: len(content) // 2]) == "it is no ONNX model: it ends in the middle"


@many
@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(content: bytes) -> None:
    assert isinstance(refusal(content), str)
