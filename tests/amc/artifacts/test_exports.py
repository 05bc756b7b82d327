import sys
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
import torch
from torch import nn

from amc.artifacts.exports import export
from amc.utils.errors import UserError

pytestmark = pytest.mark.usefixtures("operators_are_read_once")


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 5))


def test_a_file_of_the_format_that_its_name_says(tmp_path: Path) -> None:
    model, images = network(), torch.randn(5, 3, 8, 8)
    done = export(model, tmp_path / "net.onnx", image_size=8)
    assert done.paths == [tmp_path / "net.onnx"] == list(tmp_path.iterdir())
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    (output,) = session.run(None, {"input": images.numpy()})
    torch.testing.assert_close(torch.as_tensor(output), model(images).detach())
    assert done.files[0].bytes == (tmp_path / "net.onnx").stat().st_size
    assert done.files[0].difference < 1e-5
    assert repr(done).startswith(f"<Exports {tmp_path / 'net.onnx'}: ")
    assert "<td" in done._repr_html_()


def test_all_formats_in_a_folder(tmp_path: Path) -> None:
    done = export(network(), str(tmp_path), example="3x8x8")
    assert done.paths == [tmp_path / "compact.onnx", tmp_path / "compact.pt2"]
    assert {path.name for path in tmp_path.iterdir()} == {"compact.onnx", "compact.pt2"}
    assert export(network(), tmp_path / "new" / "own.pt2", example=torch.zeros(1, 3, 8, 8)).files[0].format == "program"
    assert export(network(), tmp_path, format="program", image_size=8).paths == [tmp_path / "compact.pt2"]


@pytest.mark.parametrize(
    ("path", "given", "message"),
    [
        (None, {"image_size": 8}, "expected a path to write to, such as compact.onnx, or a folder; only a run has its"),
        (
            "net.onx",
            {"image_size": 8},
            "expected a path that ends in .onnx or .pt2 or .py, or a folder that exists, got",
        ),
        ("net.onnx", {"format": "program"}, "net.onnx is a file of format='onnx', got format='program'"),
        ("net.onnx", {"format": "onx"}, "unknown format 'onx'; did you mean onnx?"),
        (
            "net.py",
            {"image_size": 8},
            "how the network was cut is not known; give the result of a search, or the folder",
        ),
        ("net.onnx", {}, "the input size of Sequential is not known; give image_size, or an example of its inputs"),
    ],
)
def test_mistakes_are_told_and_leave_nothing(path: str | None, given: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        export(network(), path and tmp_path / path, **given)
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_path_in_place_of_the_network_is_told(tmp_path: Path) -> None:
    swapped: Any = network()
    with pytest.raises(UserError, match="expected the network first and then a path to write to, got Sequential as"):
        export(tmp_path / "net.onnx", swapped)


def test_missing_packages_are_told_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(UserError, match=r"pip install 'amc-pruning\[export\]'$"):
        export(network(), tmp_path, image_size=8)
    assert list(tmp_path.iterdir()) == []
