"""A network as a file that runs without this project: ONNX, or a program of `torch.export`.

A file gets its name only after it was read back and has computed what the network in memory computes.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.utils._pytree import tree_map

from amc.artifacts.export_tools import Run, explain_failure, quiet, random_batch
from amc.artifacts.onnx_conversion import read_onnx, require_onnx, to_onnx
from amc.graph.inputs import Example, arguments, feed, keyword_arguments, tensors
from amc.graph.trace_forward import output_tensors
from amc.utils.copying import copy_network
from amc.utils.differences import furthest, largest
from amc.utils.errors import UserError
from amc.utils.files import write_atomically

TOLERANCE = 1e-4
"""Largest accepted difference, relative to the largest output; what is exported well leaves about 1e-6."""
TRACED = 2  # a batch of 1 would be taken for a constant
COMPARED = (1, 3, 8)
"""Sizes of the batches on which file and network are compared; the traced size is not among them."""
ADVICE = "an exported network can't branch in Python on the size or the values of a batch, nor draw numbers at random"


@dataclass(frozen=True)
class PortableFormat:
    """A format of files that run without this project.

    Attributes:
        words: What messages call a network in it.
        suffix: How the names of its files end.
        serialise: Gives the bytes of a program with so many inputs.
        read: Reads a file back.
        check: Raises a UserError where packages are missing.
    """

    words: str
    suffix: str
    serialise: Callable[[ExportedProgram, int], bytes]
    read: Callable[[Path], Run]
    check: Callable[[], None]


def write_portable(portable_format: PortableFormat, model: nn.Module, example: Example, path: Path) -> float:
    """Write `model` in evaluation mode as one file with its weights, for batches of any size.

    In ONNX one input is called `input`, several `input_0`, `input_1` and so on; outputs are named likewise.

    Args:
        portable_format: The format, one of `FORMATS`.
        model: Any network; it is not changed.
        example: Its arguments, in a batch of any size; only their shapes and types matter.
        path: The file.

    Returns:
        The largest difference from the network in memory, relative to the largest output.

    Raises:
        UserError: Packages are missing, the network can't be exported, the difference is above `TOLERANCE`, or the file
            can't be written. No file is left then.
    """
    portable_format.check()
    words = portable_format.words
    network = copy_network(model).cpu().eval()
    with explain_failure(f"the network can't be exported as {words}"), quiet():
        content = portable_format.serialise(_traced(network, example), len(tensors(example)))
    difference = 0.0

    def write(temporary: Path) -> None:
        nonlocal difference
        temporary.write_bytes(content)
        with explain_failure(f"the network as {words} can't be read back"):
            run = portable_format.read(temporary)
        difference = largest_difference(words, run, network, example)

    write_atomically(path, write)
    return difference


def _traced(network: nn.Module, example: Example) -> ExportedProgram:
    """Return the network as a program, without the example and the paths of source files, which would be written."""
    given = random_batch(example, TRACED, torch.Generator().manual_seed(0))
    by_place, by_name = arguments(given), keyword_arguments(given)
    dynamic = tree_map(lambda leaf: {0: Dim("batch")} if isinstance(leaf, Tensor) else None, by_name or by_place)
    with torch.no_grad():
        program = torch.export.export(network, by_place, by_name, dynamic_shapes=dynamic)
    program.example_inputs = None
    for module in program.graph_module.modules():
        if isinstance(module, torch.fx.GraphModule):
            for node in module.graph.nodes:
                node.meta.pop("stack_trace", None)
    return program


def _to_program(program: ExportedProgram, inputs: int) -> bytes:
    del inputs
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    return buffer.getvalue()


def _read_program(path: Path) -> Run:
    module = torch.export.load(path).module()
    return lambda batch: output_tensors(feed(module, batch))


def largest_difference(kind: str, run: Run, network: nn.Module, example: Example) -> float:
    """Return the largest difference of `run` from the network in memory, relative to the largest output.

    Args:
        kind: What messages call the network that `run` runs.
        run: Computes the outputs for a batch.
        network: The network in memory, on the CPU.
        example: Its arguments; only their shapes and types matter.

    Raises:
        UserError: They do not agree on random batches.
    """
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    for size in COMPARED:
        batch = random_batch(example, size, generator)
        with explain_failure(f"the network as {kind} fails on a batch of {size}"), torch.no_grad():
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


def _relative(output: Tensor, want: Tensor) -> float:
    """Return the largest difference over the largest output; for classes and masks, the share that differ."""
    if not want.numel():
        return 0.0
    if not want.is_floating_point():
        return float((output != want).double().mean())
    return furthest(output.double(), want.double()) / max(largest(want.double()), 1e-300)


def _forms(outputs: list[Tensor]) -> str:
    """Return shapes and types of tensors as text."""
    return ", ".join(f"{tuple(output.shape)} {str(output.dtype).removeprefix('torch.')}" for output in outputs)


FORMATS = {
    "onnx": PortableFormat("ONNX", ".onnx", to_onnx, read_onnx, require_onnx),
    "program": PortableFormat("a torch.export program", ".pt2", _to_program, _read_program, lambda: None),
}
"""The formats, by the name that a user gives; the program of `torch.export` needs PyTorch alone."""
