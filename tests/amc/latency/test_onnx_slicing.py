from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import amc
from amc.artifacts.onnx_conversion import unoptimised_onnx
from amc.latency.onnx_slicing import Exporter
from amc.pruning.masked_network import randomised
from amc.pruning.slicing import UnitMask, choose_units, compact, make_selection
from tests.architectures import PRUNABLE

pytestmark = pytest.mark.usefixtures("operators_are_read_once")


def run(content: bytes, image: Tensor) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    output: NDArray[np.float32] = session.run(None, {given.name: image.numpy()})[0]
    return output


def prepared(name: str) -> tuple[Exporter, nn.Module, Tensor, UnitMask]:
    """A network with random parameters, and a choice of channels for it that no probe has made."""
    architecture = PRUNABLE[name]
    model = randomised(architecture.build(), torch.Generator().manual_seed(0)).float()
    example = architecture.example(1)
    graph = amc.analyse(model, example, round_to=1)
    random = np.random.default_rng(1)
    kept_counts = np.array([random.choice(group.choices) for group in graph.groups])
    mask = choose_units(graph, random.random(graph.unit_count), kept_counts)
    return Exporter(model, graph, example), model, example, mask


@pytest.mark.parametrize("name", ["padded", "inverted", "grouped_narrow", "shuffle_v1"])
def test_a_sliced_export_computes_what_the_compact_network_does(name: str) -> None:
    exporter, model, image, mask = prepared(name)
    assert exporter.can_slice
    network = compact(model, make_selection(exporter.graph, model, mask))
    with torch.no_grad():
        want = network(image).numpy()
    np.testing.assert_allclose(run(exporter.compact(mask), image), want, rtol=1e-3, atol=1e-4 * np.abs(want).max())
    assert len(exporter.compact(mask)) < len(exporter.original)


def test_networks_whose_heads_and_their_width_are_cut_are_exported_one_by_one() -> None:
    exporter, model, image, mask = prepared("transformer")
    assert not exporter.can_slice
    with torch.no_grad():
        want = compact(model, make_selection(exporter.graph, model, mask))(image).numpy()
    np.testing.assert_allclose(run(exporter.compact(mask), image), want, rtol=1e-3, atol=1e-4 * np.abs(want).max())


class Written(nn.Module):
    """What `between` makes of a convolution's channels goes into another."""

    def __init__(self, between: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3)
        self.second = nn.Conv2d(8, 4, 3)
        self.between = between

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.second(self.between(self.first(x)))
        return out


def test_where_slicing_is_not_enough_every_network_is_exported() -> None:
    model = randomised(Written(lambda x: torch.cat(x.chunk(2, 1)[::-1], 1)), torch.Generator().manual_seed(0)).float()
    image = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    graph = amc.analyse(model, image, round_to=1)
    exporter = Exporter(model, graph, image)
    assert not exporter.can_slice
    mask = choose_units(graph, np.zeros(graph.unit_count), graph.least)
    with torch.no_grad():
        want = compact(model, make_selection(graph, model, mask))(image).numpy()
    np.testing.assert_allclose(run(exporter.compact(mask), image), want, rtol=1e-3, atol=1e-5)


def test_runtimes_fold_the_norms_of_an_export(tmp_path: Path) -> None:
    architecture = PRUNABLE["depthwise"]
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    content = unoptimised_onnx(architecture.build(), architecture.example(1)).SerializeToString()
    onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    left = {node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node}
    assert left & {"Conv", "FusedConv"}
    assert not left & {"BatchNormalization", "Expand"}


def test_an_export_is_what_old_runtimes_read() -> None:
    model = unoptimised_onnx(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), torch.zeros(1, 3, 8, 8))
    assert model.ir_version == 8
    assert [(each.domain, each.version) for each in model.opset_import] == [("", 18)]
    names = {each.name for each in model.graph.initializer}
    assert {"0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var"} <= names
    assert [size.dim_value for size in model.graph.input[0].type.tensor_type.shape.dim] == [1, 3, 8, 8]
