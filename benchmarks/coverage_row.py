"""One row of benchmarks.coverage: all that is shown of one network, in a process of its own.

`python -m benchmarks.coverage_row NAME` prints the row as JSON. With the name of a folder after it, the process loads
the compact network that another one saved there.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from amc.analysis.analyse import analyse
from amc.analysis.check_runs import computes_in_float64, float_outputs, small_inputs
from amc.analysis.self_check import TOLERANCES, failed_groups
from amc.artifacts.portable import FORMATS, write_portable
from amc.cost.costs import macs
from amc.graph import Example, PruningGraph, trace_graph
from amc.graph.freeze import freeze
from amc.graph.inputs import arguments, cast_floats, tensors
from amc.graph.trace_forward import unfused_operators
from amc.pruning.masked_network import randomised
from amc.pruning.slicing import Selection, UnitMask, compact, make_selection
from amc.utils.errors import UserError
from amc.utils.operator_mode import OperatorMode
from benchmarks.coverage_networks import build
from benchmarks.runs import machine, peak_memory
from tests.oracles import IgnoreInputs, counted, random_mask

FIRST_USE = 48
"""The megabytes that the first forward pass of a process may take besides, for libraries and code made for shapes."""


def row(name: str) -> dict[str, Any]:
    """The row of a network: it is analysed, checked, pruned, saved, loaded, exported and pruned again.

    The entry `failure` says what went wrong, and is empty if nothing did.
    """
    model, example = build(name)
    graph, result = _analysed(name, model, example)
    failures = _macs_differ("original", model, example, result["macs"])
    if result["memory"] > result["memory_allowed"] + FIRST_USE:
        failures.append(f"the analysis takes {result['memory']:.0f} MB, allowed are {result['memory_allowed']:.0f} MB")
    if graph.groups:
        selection = make_selection(graph, model, random_mask(graph, graph.least, 0))
        failures += _macs_differ("compact", compact(model, selection), example, macs(graph)(graph.least))
        model = randomised(model, torch.Generator().manual_seed(0))  # the largest networks are not held twice
        inputs = next(small_inputs(example, graph, partial(trace_graph, model), torch.Generator().manual_seed(0)))
        dtype = torch.float64 if computes_in_float64(model, inputs) else torch.float32
        model, inputs = model.to(dtype), cast_floats(inputs, dtype)
        if len(trace_graph(model, inputs).layers) != len(graph.layers):  # recurrent ones: the oracle counts calls
            dtype = torch.float32
            model, inputs = model.to(dtype), cast_floats(inputs, dtype)
        small, selection, result["max_relative_error"] = _cut(model, graph, inputs)
        if result["max_relative_error"] > TOLERANCES[dtype]:
            failures.append(f"outputs differ by {result['max_relative_error']:.1e}")
        failures += _round_trip(name, small, selection, inputs)
        result["onnx"] = _exported(small, inputs)
        if isinstance(result["onnx"], str) and not isinstance(_exported(model, inputs), str):
            failures.append(result["onnx"])
        del model
        failures += _pruned_again(small.to(dtype), inputs)
    return result | {"failure": "; ".join(failures)}


def _analysed(name: str, model: nn.Module, example: Example) -> tuple[PruningGraph, dict[str, Any]]:
    """The checked graph, and the row with what is measured of it; entries that come later are still empty."""
    before = peak_memory()
    began = time.process_time()
    graph = trace_graph(model, example)
    seconds = time.process_time() - began
    memory = peak_memory() - before
    began = time.process_time()
    graph = freeze(graph, failed_groups(model, graph, example, trace_graph))
    cost = macs(graph)
    return graph, {
        "name": name,
        "groups": len(graph.groups),
        "macs": cost(graph.full),
        "least_macs_share": cost(graph.least) / cost(graph.full),
        "max_relative_error": 0.0,
        "seconds": seconds,
        "check_seconds": time.process_time() - began,
        "memory": memory,
        "memory_allowed": _allowed(model, example),
        "onnx": "",
        "frozen": _frozen(graph),
        "machine": machine(),
    }


def _frozen(graph: PruningGraph) -> str:
    """The two reasons that freeze most channels, each with the place where it was first met."""
    channels: Counter[str] = Counter()
    first: dict[str, str] = {}
    for frozen in graph.frozen:
        kind = frozen.reason.split(" in ")[0]
        channels[kind] += frozen.width
        first.setdefault(kind, frozen.reason)
    return "; ".join(f"{first[kind]} ({width})" for kind, width in channels.most_common(2))


class _Largest(OperatorMode):
    """Notes the bytes of the largest tensor that is computed."""

    nbytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.nbytes = max([self.nbytes, *(leaf.nbytes for leaf in tree_leaves(out) if isinstance(leaf, Tensor))])
        return out


def _allowed(model: nn.Module, example: Example) -> float:
    """The megabytes of the network and of three times its largest activation."""
    with torch.no_grad(), _Largest() as largest:
        float_outputs(model, example)
    return (sum(each.nbytes for each in model.state_dict().values()) + 3 * largest.nbytes) / 2**20


def _cut(model: nn.Module, graph: PruningGraph, inputs: Example) -> tuple[nn.Module, Selection, float]:
    """The last of three compact networks, its selection, and the largest error of the three."""
    by_chance = np.array([np.random.default_rng(group.index).choice(group.choices) for group in graph.groups])
    small, worst = nn.Module(), 0.0
    for number, kept_counts in enumerate((graph.least, by_chance, graph.full - graph.full // 4)):
        del small
        mask = random_mask(graph, kept_counts, number)
        selection = make_selection(graph, model, mask)
        small = compact(model, selection)
        worst = max(worst, distance(_outputs(small, inputs), _masked_consumers(model, graph, mask, inputs)))
    return small, selection, worst


def _pruned_again(small: nn.Module, inputs: Example) -> list[str]:
    again = analyse(small, inputs)
    if not again.groups:
        return ["the compact network can't be pruned again"]
    _outputs(compact(small, make_selection(again, small, random_mask(again, again.least, 0))), inputs)
    return []


def _exported(network: nn.Module, inputs: Example) -> float | str:
    """The error of the network in ONNX Runtime relative to that in memory, or the reason why it can't be exported."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = Path(folder) / "network.onnx"
            return write_portable(FORMATS["onnx"], network.float(), cast_floats(inputs, torch.float32), path)
        except UserError as error:
            return str(error)


def _macs_differ(which: str, model: nn.Module, example: Example, expected: int) -> list[str]:
    found = counted(model, arguments(example))
    return [] if found == expected else [f"{which}: {expected:,} MACs, torch counts {found:,}"]


def _outputs(model: nn.Module, inputs: Example) -> list[Tensor]:
    with torch.no_grad(), unfused_operators(model):
        return float_outputs(model, inputs)


def _masked_consumers(model: nn.Module, graph: PruningGraph, mask: UnitMask, inputs: Example) -> list[Tensor]:
    """The outputs when consumers see zeros in place of the units that are cut, inside the operator."""
    with IgnoreInputs(graph, mask):
        return _outputs(model, inputs)


def distance(got: list[Tensor], wanted: list[Tensor]) -> float:
    """The largest difference, relative to the largest value of the output; infinite for other shapes."""
    if [each.shape for each in got] != [each.shape for each in wanted]:
        return float("inf")
    pairs = [(a, b) for a, b in zip(got, wanted, strict=True) if a.numel()]
    return max(float((a - b).abs().max() / b.abs().max().clamp(min=1e-300)) for a, b in pairs)


def _round_trip(name: str, small: nn.Module, selection: Selection, inputs: Example) -> list[str]:
    """Save the compact network, load it in a new process, and compare what it computes there."""
    with tempfile.TemporaryDirectory() as folder:
        torch.save([small.state_dict(), inputs], Path(folder) / "network.pt")
        saved = {"tensors": selection.tensors, "attributes": selection.attributes}
        (Path(folder) / "selection.json").write_text(json.dumps(saved), encoding="utf-8")
        command = [sys.executable, "-m", "benchmarks.coverage_row", name, folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return [f"loading fails: {done.stderr.strip().splitlines()[-1]}"]
        got = torch.load(Path(folder) / "outputs.pt")
    same = all(torch.equal(a, b) for a, b in zip(got, _outputs(small, inputs), strict=True))
    return [] if same else ["the loaded network computes something else"]


def _load(name: str, folder: Path) -> None:
    """Load the compact network in the new process, and save its outputs."""
    state, inputs = torch.load(folder / "network.pt")
    saved = json.loads((folder / "selection.json").read_text(encoding="utf-8"))
    kept = {key: {int(dim): places for dim, places in axes.items()} for key, axes in saved["tensors"].items()}
    model = compact(build(name)[0], Selection(kept, saved["attributes"]))
    model.to(tensors(inputs)[0].dtype).load_state_dict(state)
    torch.save(_outputs(model, inputs), folder / "outputs.pt")


def main() -> None:
    """Run as a command."""
    name, *folder = sys.argv[1:]
    torch.set_num_threads(1)
    if folder:
        _load(name, Path(folder[0]))
    else:
        print(json.dumps(row(name)))


if __name__ == "__main__":
    main()
