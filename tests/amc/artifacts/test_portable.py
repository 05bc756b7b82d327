import copy
import functools
import random
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from amc.artifacts.portable import FORMATS, TOLERANCE, write_portable
from amc.graph import Example
from amc.utils.errors import UserError

pytestmark = pytest.mark.usefixtures("operators_are_read_once")

SHAPE = (3, 8, 8)
IMAGE = torch.zeros(1, *SHAPE)
Export = Callable[[nn.Module, Example, Path], float]
export_onnx, export_program = (functools.partial(write_portable, FORMATS[name]) for name in ("onnx", "program"))
both = pytest.mark.parametrize(("write", "name"), [(export_onnx, "net.onnx"), (export_program, "net.pt2")])


class Conv(nn.Module):
    """A convolution, and what is made of its output and of the input."""

    def __init__(self, make: Callable[[Tensor, Tensor], Any]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 4, 3)
        self.make = make

    def forward(self, images: Tensor) -> Any:
        return self.make(self.conv(images), images)


class Remembering(nn.Module):
    """Keeps its last output, which the exporter warns of."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, images: Tensor) -> Tensor:
        self.last = self.conv(images)
        return self.last


def stochastic() -> nn.Module:
    """Behaves differently in training."""
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5))


def scaled(while_exported: float) -> nn.Module:
    """Computes something else while it is exported."""
    return Conv(lambda out, _: out * (while_exported if torch.compiler.is_exporting() else 1.0))


def onnx_outputs(path: Path, images: Tensor) -> dict[str, Tensor]:
    session = onnxruntime.InferenceSession(path)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, map(torch.as_tensor, session.run(None, {"input": images.numpy()})), strict=True))


def refused(write: Export, network: nn.Module, path: Path, example: Example = IMAGE) -> str:
    """The message; no file is left."""
    with pytest.raises(UserError) as caught:
        write(network, example, path)
    assert list(path.parent.iterdir()) == []
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    return str(caught.value)


@both
def test_nested_outputs_keep_their_order(write: Export, name: str, tmp_path: Path) -> None:
    network = Conv(lambda out, images: {"z": out.relu(), "a": (out.mean((2, 3)), out.argmax(1)), "input": images})
    assert write(network, IMAGE, tmp_path / name) < 1e-5
    assert [path.name for path in tmp_path.iterdir()] == [name]
    images = torch.randn(5, *SHAPE)
    wanted = network(images)
    if write is export_program:
        outputs = torch.export.load(tmp_path / name).module()(images)
    else:
        by_name = onnx_outputs(tmp_path / name, images)
        assert list(by_name) == [f"output_{index}" for index in range(4)]
        z, mean, classes, same = by_name.values()
        outputs = {"z": z, "a": (mean, classes), "input": same}
    torch.testing.assert_close(outputs, wanted)
    assert list(outputs) == list(wanted)


def test_an_onnx_file_names_what_it_holds(tmp_path: Path) -> None:
    export_onnx(Conv(lambda out, _: out), IMAGE, tmp_path / "net.onnx")
    graph = onnx.load(tmp_path / "net.onnx").graph
    assert {each.name for each in graph.initializer} == {"conv.weight", "conv.bias"}
    for value, name, channels in ((graph.input[0], "input", 3), (graph.output[0], "output", 4)):
        assert value.name == name
        sizes = value.type.tensor_type.shape.dim
        assert (sizes[0].dim_param, sizes[1].dim_value) == ("batch", channels)


@both
def test_nothing_of_this_machine_is_written(write: Export, name: str, tmp_path: Path) -> None:
    write(Conv(lambda out, _: out), IMAGE, tmp_path / name)
    content = (tmp_path / name).read_bytes()
    assert not any(str(Path(source).parent).encode() in content for source in (__file__, nn.__file__, torch.__file__))


@both
def test_the_network_is_exported_in_evaluation_mode_and_stays_as_it_was(
    write: Export, name: str, tmp_path: Path
) -> None:
    network = stochastic().train()
    before = copy.deepcopy(network.state_dict())
    assert write(network, IMAGE, tmp_path / name) < 1e-5
    assert all(module.training for module in network.modules())
    torch.testing.assert_close(network.state_dict(), before, rtol=0, atol=0)


@both
def test_a_batch_of_one_that_the_network_squeezes(write: Export, name: str, tmp_path: Path) -> None:
    assert write(Conv(lambda out, _: out.mean((2, 3)).squeeze()), IMAGE, tmp_path / name) < 1e-5


@both
def test_a_network_that_writes_into_its_input(write: Export, name: str, tmp_path: Path) -> None:
    network = nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(3, 4, 3))
    assert write(network, IMAGE, tmp_path / name) < 1e-5


class Several(nn.Module):
    """Takes images and, for each, a class and a scale."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.embedding = nn.Embedding(5, 4)

    def forward(self, images: Tensor, classes: Tensor, scales: Tensor) -> Tensor:
        return self.conv(images) * scales[:, :, None, None] + self.embedding(classes)[:, :, None, None]


def test_several_inputs_are_named_in_order(tmp_path: Path) -> None:
    network = Several()
    example = IMAGE, torch.zeros(1, dtype=torch.int64), torch.zeros(1, 1)
    assert export_onnx(network, example, tmp_path / "net.onnx") < 1e-5
    assert export_program(network, example, tmp_path / "net.pt2") < 1e-5
    given = torch.randn(5, *SHAPE), torch.tensor([4, 0, 1, 2, 2]), torch.randn(5, 1)
    wanted = network(*given).detach()
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    (output,) = session.run(None, {f"input_{index}": each.numpy() for index, each in enumerate(given)})
    torch.testing.assert_close(torch.as_tensor(output), wanted)
    torch.testing.assert_close(torch.export.load(tmp_path / "net.pt2").module()(*given).detach(), wanted)


@both
def test_exporters_are_quiet(write: Export, name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(Remembering(), IMAGE, tmp_path / name)
    branching = Conv(lambda out, images: out if images.sum() > 0 else images)
    with pytest.raises(UserError):
        write(branching, IMAGE, tmp_path / name)
    assert capfd.readouterr() == ("", "")


@both
def test_the_tolerance_is_kept(write: Export, name: str, tmp_path: Path) -> None:
    message = refused(write, scaled(1 + 2 * TOLERANCE), tmp_path / name)
    assert re.search(r"differs from that in memory by 2\.0e-04 of the largest output on a batch of 1, more", message)
    assert write(scaled(1 + TOLERANCE / 2), IMAGE, tmp_path / name) == pytest.approx(TOLERANCE / 2, rel=0.1)
    former = (tmp_path / name).read_bytes()
    with pytest.raises(UserError):
        write(scaled(2), IMAGE, tmp_path / name)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {name: former}


@both
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda out, _: out * random.random(), "differs from that in memory by"),
        (lambda out, _: out * torch.rand(1), "differs from that in memory by"),
        (lambda out, _: out / 0 * 0, "differs from that in memory by nan"),
        (lambda out, _: out.argmax(1) * random.randint(0, 9), "differs from that in memory by"),
        (lambda out, _: out if len(out) < 4 else -out, "UserError: Constraints violated (batch)!"),
        (lambda out, _: out if len(out) != 1 else -out, "UserError: Constraints violated (batch)!"),
        (lambda out, _: out[:, 0] if torch.compiler.is_exporting() else out, "(1, 6, 6) float32 for a batch of 1, in"),
        (lambda out, _: out.argmax(1) if torch.compiler.is_exporting() else out, " int64 for a batch of 1, in memory"),
        (lambda out, images: out if images.sum() > 0 else images, "Could not guard on data-dependent expression"),
        (lambda out, _: SimpleNamespace(out=out), "Found <class 'types.SimpleNamespace'> in output"),
        (lambda out, _: torch.as_tensor(out.detach().numpy()), "numpy"),
    ],
)
def test_what_does_not_compute_the_same_is_refused(
    write: Export, name: str, make: Callable[[Tensor, Tensor], Any], message: str, tmp_path: Path
) -> None:
    assert message in refused(write, Conv(make), tmp_path / name)


@both
def test_an_input_that_the_network_does_not_take_is_one_line(write: Export, name: str, tmp_path: Path) -> None:
    message = refused(write, Conv(lambda out, _: out), tmp_path / name, torch.zeros(1, 1, 8, 8))
    assert "1, 8, 8] to have 3 channels, but got 1 channels instead" in message


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda out, _: torch.linalg.svdvals(out), "No ONNX function found for <OpOverload(op='aten._linalg_svd'"),
        (lambda out, _: (out, 3), "TypeError: the network returns more than tensors: "),
    ],
)
def test_what_onnx_does_not_have_is_a_program_all_the_same(
    make: Callable[[Tensor, Tensor], Any], message: str, tmp_path: Path
) -> None:
    assert message in refused(export_onnx, Conv(make), tmp_path / "net.onnx")
    assert export_program(Conv(make), IMAGE, tmp_path / "net.pt2") < 1e-5


@pytest.mark.parametrize("package", ["onnx", "onnxruntime", "onnxscript"])
def test_missing_packages_are_told(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    message = refused(export_onnx, nn.Conv2d(3, 4, 3), tmp_path / "net.onnx")
    assert package in message
    assert message.endswith("pip install 'amc-pruning[export]'")
    assert export_program(nn.Conv2d(3, 4, 3), IMAGE, tmp_path / "net.pt2") < 1e-5


@both
def test_a_place_that_cannot_be_written_to_is_told(write: Export, name: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write"):
        write(nn.Conv2d(3, 4, 3), IMAGE, tmp_path / "file" / name)
