"""The example that hands a detector back to another package, with that package where it is installed."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import amc
from tests.command import pictures

EXAMPLES = Path(__file__).parents[2] / "examples"
SIDE = 64


class Detector(nn.Module):
    """Returns what the package's detectors do: heads alone in training mode, after decoded boxes in evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem, self.norm, self.body = nn.Conv2d(3, 16, 3, 4), nn.BatchNorm2d(16), nn.Conv2d(16, 16, 3)
        self.box, self.score = nn.Conv2d(16, 8, 1), nn.Conv2d(16, 3, 1)
        self.dfl = nn.Conv2d(2, 1, 1, bias=False).requires_grad_(False)

    def forward(self, images: Tensor) -> Any:
        x = self.body(self.norm(self.stem(images)).relu()).relu()
        heads = {"boxes": self.box(x).flatten(2), "scores": self.score(x).flatten(2), "feats": [x]}
        if self.training:
            return heads
        sides = self.dfl(heads["boxes"].unflatten(1, (4, 2)).transpose(1, 2).softmax(1))[:, 0]
        return torch.cat((sides, heads["scores"].sigmoid()), 1), heads


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module("yolo")


def photos(folder: Path) -> Any:
    """Images of noise, as `amc.load_data` gives them."""
    image = importlib.import_module("PIL.Image")
    folder.mkdir()
    for number in range(16):
        pixels = torch.randint(256, (SIDE, SIDE, 3), generator=torch.Generator().manual_seed(number))
        image.fromarray(pixels.byte().numpy()).save(folder / f"{number}.png")
    return amc.load_data(f"images:{folder}", image_size=SIDE, mean=[0.0] * 3, std=[1.0] * 3)


def go(example: Any, yolo: Any, folder: Path) -> None:
    with pictures(drawn=False):
        example.run(
            yolo,
            photos(folder / "photos"),
            folder / "out",
            epochs=1,
            budget="macs=0.5",
            strategy="uniform",
            recovery="none",
            search_recovery="none",
        )


@pytest.mark.backward
def test_a_detector_comes_back_into_its_object(example: Any, tmp_path: Path) -> None:
    yolo = SimpleNamespace(model=Detector().requires_grad_(False).eval())
    go(example, yolo, tmp_path)
    assert isinstance(yolo.model, Detector)
    assert yolo.model.body.weight.numel() < Detector().body.weight.numel()
    assert torch.equal(yolo.model.dfl.weight, Detector().dfl.weight)
    loaded = amc.load(tmp_path / "out", model=example.Heads(Detector())).eval()
    images = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        _, heads = yolo.model.eval()(images)
        torch.testing.assert_close(loaded(images), {name: heads[name] for name in ("boxes", "scores")})


@pytest.mark.backward
@pytest.mark.filterwarnings("ignore:`torch.jit", "ignore::torch.jit.TracerWarning")  # of what the package exports by
@pytest.mark.parametrize("name", ["yolov8n", "yolo11n"])
def test_the_package_predicts_and_exports_with_what_comes_back(name: str, example: Any, tmp_path: Path) -> None:
    package = pytest.importorskip("ultralytics")
    torch.manual_seed(0)
    yolo = package.YOLO(f"{name}.yaml")
    parameters = sum(parameter.numel() for parameter in yolo.model.parameters())
    go(example, yolo, tmp_path)
    assert sum(parameter.numel() for parameter in yolo.model.parameters()) < 0.7 * parameters
    images = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    loaded = amc.load(tmp_path / "out", model=example.take_out(package.YOLO(f"{name}.yaml")))
    with torch.no_grad():
        wanted, _ = loaded.network(images)  # type: ignore[operator]
        torch.testing.assert_close(yolo.model.eval()(images)[0], wanted)
    yolo.save(tmp_path / "compact.pt")  # in half precision
    exported = torch.jit.load(package.YOLO(tmp_path / "compact.pt").export(format="torchscript", imgsz=SIDE))
    torch.testing.assert_close(exported(images), wanted, rtol=0.02, atol=0.02 * float(wanted.abs().max()))
    (found,) = yolo.predict(str(tmp_path / "photos" / "0.png"), imgsz=SIDE, conf=1e-4)
    assert found.boxes.data.isfinite().all()
