"""A network as a file that runs without this project: ONNX, or a program of `torch.export`.

A file gets its name only after it was read back and has computed what the network in memory computes.
"""

from __future__ import annotations

import contextlib
import copy
import importlib
import io
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.export.graph_signature import OutputKind, TensorArgument
from torch.utils._pytree import tree_map

from amc.graph.inputs import Example, arguments, drawn, feed, keywords, tensors
from amc.graph.trace_forward import output_tensors
from amc.utils.copying import copied
from amc.utils.errors import UserError
from amc.utils.files import write_whole
from amc.utils.text import one_line

if TYPE_CHECKING:
    import onnx

TOLERANCE = 1e-4
"""Largest accepted difference, relative to the largest output; what is exported well leaves about 1e-6."""
TRACED = 2  # a batch of 1 would be taken for a constant
COMPARED = (1, 3, 8)
"""Sizes of the batches: the one that is traced, and those on which file and network are compared."""
ADVICE = "an exported network can't branch in Python on the size or the values of a batch, nor draw numbers at random"
LONGEST = 300
"""Characters of a reason."""
ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
OLD_OPSET, OLD_FORMAT = 18, 8
"""The oldest that the exporter writes, and the version of the file that goes with it: onnxruntime 1.14 and later."""

Run = Callable[[Example], list[Tensor]]
"""What a network, or a file that was read, makes of a batch."""


def export_onnx(model: nn.Module, example: Example, path: Path) -> float:
    """Write `model` in evaluation mode as ONNX, for batches of any size, with the weights in the one file.

    One input is called `input`, several `input_0`, `input_1` and so on; outputs are called likewise.

    Args:
        model: Any network; it is not changed.
        example: What it is given, in a batch of any size; only its shapes and types matter.
        path: The file.

    Returns:
        The largest difference to the network in memory, relative to the largest output.

    Raises:
        UserError: packages are missing, the network can't be exported, the difference is above `TOLERANCE`, or the
            file can't be written. None is left then.
    """
    require_onnx()
    return _export("ONNX", model, example, path, _to_onnx, _read_onnx)


def export_program(model: nn.Module, example: Example, path: Path) -> float:
    """As `export_onnx`, but as a program of `torch.export`, which needs PyTorch alone."""
    return _export("a torch.export program", model, example, path, _to_program, _read_program)


def onnx_as_it_is(model: nn.Module, example: Example) -> onnx.ModelProto:
    """`model` in evaluation mode as ONNX for a batch of one, for onnxruntime 1.14 and later.

    Nothing is folded or renamed: each parameter and buffer that is used is an initialiser of its name. It is not
    compared with the network.

    Raises:
        UserError: packages are missing, or the network can't be exported.
    """
    require_onnx()
    network = copied(model).cpu().eval()
    given = _batch(example, 1, torch.Generator().manual_seed(0))
    with _told("the network can't be exported as ONNX"), _quiet():
        with torch.no_grad():
            program = torch.export.export(network, arguments(given), keywords(given))
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
    """Raise a UserError that says what to install where packages for ONNX are missing."""
    try:
        for name in ONNX_PACKAGES:
            importlib.import_module(name)
    except ImportError as error:
        raise UserError(
            f"ONNX needs packages that are not installed ({one_line(error)}); pip install 'amc-pruning[export]'"
        ) from error


def _export(
    kind: str,
    model: nn.Module,
    example: Example,
    path: Path,
    serialise: Callable[[ExportedProgram, int], bytes],
    read: Callable[[Path], Run],
) -> float:
    network = copied(model).cpu().eval()
    with _told(f"the network can't be exported as {kind}"), _quiet():
        content = serialise(_traced(network, example), len(tensors(example)))
    difference = 0.0

    def write(temporary: Path) -> None:
        nonlocal difference
        temporary.write_bytes(content)
        with _told(f"the network as {kind} can't be read back"):
            run = read(temporary)
        difference = _difference(kind, run, network, example)

    write_whole(path, write)
    return difference


def _traced(network: nn.Module, example: Example) -> ExportedProgram:
    """The network as a program, without the example and the paths of source files, which would be written too."""
    given = _batch(example, TRACED, torch.Generator().manual_seed(0))
    by_place, by_name = arguments(given), keywords(given)
    dynamic = tree_map(lambda leaf: {0: Dim("batch")} if isinstance(leaf, Tensor) else None, by_name or by_place)
    with torch.no_grad():
        program = torch.export.export(network, by_place, by_name, dynamic_shapes=dynamic)
    program.example_inputs = None
    for module in program.graph_module.modules():
        if isinstance(module, torch.fx.GraphModule):
            for node in module.graph.nodes:
                node.meta.pop("stack_trace", None)
    return program


def _to_onnx(program: ExportedProgram, inputs: int) -> bytes:
    outputs = [spec.arg for spec in program.graph_signature.output_specs if spec.kind is OutputKind.USER_OUTPUT]
    for output in outputs:
        if not isinstance(output, TensorArgument):
            raise TypeError(f"the network returns more than tensors: {output}")
    exported = torch.onnx.export(
        program,
        input_names=_names("input", inputs),
        output_names=_names("output", len(outputs)),
        dynamic_shapes=({0: "batch"},) * inputs,  # only for the name
        dynamo=True,
        verbose=False,
    )
    assert exported is not None  # torch.onnx.export returns None only for dynamo=False
    return exported.model_proto.SerializeToString()


def _names(what: str, count: int) -> list[str]:
    return [what] if count == 1 else [f"{what}_{index}" for index in range(count)]


def _read_onnx(path: Path) -> Run:
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


def _to_program(program: ExportedProgram, inputs: int) -> bytes:
    del inputs
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    return buffer.getvalue()


def _read_program(path: Path) -> Run:
    module = torch.export.load(path).module()
    return lambda batch: output_tensors(feed(module, batch))


def _difference(kind: str, run: Run, network: nn.Module, example: Example) -> float:
    """The largest difference of `run` to the network in memory; raises a UserError where they do not agree."""
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    for size in COMPARED:
        batch = _batch(example, size, generator)
        with _told(f"the network as {kind} fails on a batch of {size}"), torch.no_grad():
            outputs, wanted = run(copy.deepcopy(batch)), output_tensors(feed(network, copy.deepcopy(batch)))
        if _forms(outputs) != _forms(wanted):
            raise UserError(
                f"the network as {kind} returns {_forms(outputs)} for a batch of {size}, in memory {_forms(wanted)};"
                f" {ADVICE}"
            )
        for output, want in zip(outputs, wanted, strict=True):
            difference = _relative(output, want)
            if not difference <= TOLERANCE:
                raise UserError(
                    f"the network as {kind} differs from that in memory by {difference:.1e} of the largest output on a"
                    f" batch of {size}, more than {TOLERANCE:.0e}; {ADVICE}"
                )
            worst = max(worst, difference)
    return worst


def _batch(example: Example, size: int, generator: torch.Generator) -> Example:
    """Random inputs of the shapes and types of `example`."""
    whole = drawn(example, size, sys.maxsize, generator)
    batch: Example = tree_map(lambda new, old: new.to(old.dtype) if isinstance(new, Tensor) else new, whole, example)
    return batch


def _relative(output: Tensor, want: Tensor) -> float:
    """The largest difference over the largest output; of classes and masks the share that differ."""
    if not want.numel():
        return 0.0
    if not want.is_floating_point():
        return float((output != want).double().mean())
    return float((output.double() - want.double()).abs().max() / want.double().abs().max().clamp(min=1e-300))


def _forms(outputs: list[Tensor]) -> str:
    """Shapes and types of tensors."""
    return ", ".join(f"{tuple(output.shape)} {str(output.dtype).removeprefix('torch.')}" for output in outputs)


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    """Tell whatever is raised, by exporters or by the user's network, as a UserError: what failed, and why."""
    try:
        yield
    except Exception as error:
        reason: BaseException = error
        while reason.__cause__ is not None:  # exporters wrap it in advice on how to report a bug
            reason = reason.__cause__
        raise UserError(f"{what}: {textwrap.shorten(one_line(reason), LONGEST, placeholder=' ...')}") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Leave out what exporters print, and warn of: attributes set in `forward`, and that all inputs share the batch."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.filterwarnings("ignore", r"The tensor attributes? .* assigned during export", UserWarning)
        warnings.filterwarnings("ignore", r"(?s).* axis name: batch will not be used", UserWarning)
        yield
