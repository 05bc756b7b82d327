"""ONNX made from PyTorch networks, and ONNX files run by ONNX Runtime."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.export.graph_signature import OutputKind, TensorArgument

from amc.artifacts.export_tools import Run, explain_failure, quiet, random_batch
from amc.graph.inputs import Example, arguments, keyword_arguments, tensors
from amc.utils.copying import copy_network
from amc.utils.errors import UserError
from amc.utils.text import one_line

if TYPE_CHECKING:
    import onnx

ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
"""Packages that ONNX needs."""
OLD_OPSET, OLD_FORMAT = 18, 8
"""The oldest opset that the exporter writes, and the version of the file for it: onnxruntime 1.14 and later."""


def unoptimised_onnx(model: nn.Module, example: Example) -> onnx.ModelProto:
    """Return `model` in evaluation mode as ONNX for a batch of one, for onnxruntime 1.14 and later.

    Nothing is folded or renamed: each parameter and buffer that is used is an initialiser of its name. The result is
    not compared with the network.

    Raises:
        UserError: Packages are missing, or the network can't be exported.
    """
    require_onnx()
    network = copy_network(model).cpu().eval()
    given = random_batch(example, 1, torch.Generator().manual_seed(0))
    with explain_failure("the network can't be exported as ONNX"), quiet():
        with torch.no_grad():
            program = torch.export.export(network, arguments(given), keyword_arguments(given))
        exported = torch.onnx.export(program, dynamo=True, optimize=False, opset_version=OLD_OPSET, verbose=False)
        assert exported is not None
        result: onnx.ModelProto = exported.model_proto
    result.ir_version = OLD_FORMAT
    _cast_to_known_types(result)
    return result


def _cast_to_known_types(model: onnx.ModelProto) -> None:
    """Replace casts to the type of another tensor, which runtimes do not fold: norms behind them stay on their own."""
    from onnx import helper

    types = {each.name: each.type.tensor_type.elem_type for each in (*model.graph.value_info, *model.graph.input)}
    for node in model.graph.node:
        if node.op_type == "CastLike" and node.input[1] in types:
            node.op_type = "Cast"
            node.attribute.append(helper.make_attribute("to", types[node.input.pop()]))


def require_onnx() -> None:
    """Check that the packages for ONNX are installed.

    Raises:
        UserError: One is missing; the message says what to install.
    """
    try:
        for name in ONNX_PACKAGES:
            importlib.import_module(name)
    except ImportError as error:
        raise UserError(
            f"ONNX needs packages that are not installed ({one_line(error)}); pip install 'amc-pruning[export]'"
        ) from error


def to_onnx(program: ExportedProgram, inputs: int) -> bytes:
    """Return an exported program with `inputs` inputs as the bytes of an ONNX model, with named inputs and outputs."""
    outputs = [spec.arg for spec in program.graph_signature.output_specs if spec.kind is OutputKind.USER_OUTPUT]
    for output in outputs:
        if not isinstance(output, TensorArgument):
            raise TypeError(f"the network returns more than tensors: {output}")
    exported = torch.onnx.export(
        program,
        input_names=input_names(inputs),
        output_names=_names("output", len(outputs)),
        dynamic_shapes=({0: "batch"},) * inputs,  # only for the name
        dynamo=True,
        verbose=False,
    )
    assert exported is not None  # torch.onnx.export returns None only for dynamo=False
    return exported.model_proto.SerializeToString()


def input_names(count: int) -> list[str]:
    """The names that so many inputs of a network have in its ONNX file."""
    return _names("input", count)


def _names(what: str, count: int) -> list[str]:
    return [what] if count == 1 else [f"{what}_{index}" for index in range(count)]


def read_onnx(path: Path) -> Run:
    """Load an ONNX file into ONNX Runtime on the CPU; the result computes the outputs of a batch."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised too
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]

    def run(batch: Example) -> list[Tensor]:
        feeds = {name: tensor.numpy() for name, tensor in zip(names, tensors(batch), strict=True)}
        return [torch.as_tensor(output) for output in session.run(None, feeds)]

    return run
