import sys
import urllib.error
from http.client import IncompleteRead
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision import models

from amc.data.load import load_splits
from amc.data.preprocess import IMAGENET
from amc.data.splits import SplitSizes
from amc.networks.models import MODELS
from amc.networks.sources import PREPROCESS, load_network
from amc.networks.weight_files import write_state_dict
from amc.utils.errors import UserError


def test_the_packaged_network_knows_digits_that_it_has_not_seen() -> None:
    network = load_network("digits_resnet")
    splits = load_splits("digits", network.preprocess, SplitSizes(), seed=0, progress=False)
    (inputs, targets), *rest = splits.test.batches(len(splits.test))
    assert not rest
    with torch.inference_mode():
        right = (network.model(inputs).argmax(1) == targets).sum().item()
    assert right >= 0.98 * len(targets)


@pytest.mark.parametrize("name", MODELS)
def test_every_name_comes_in_eval_mode_and_takes_what_its_preprocess_makes(name: str) -> None:
    network = load_network(name, weights="none")
    assert network.name == name
    assert not any(module.training for module in network.model.modules())
    assert network.preprocess == PREPROCESS[name]
    with torch.inference_mode():
        classes = 1000 if PREPROCESS[name] == IMAGENET else 10
        assert network.model(torch.zeros(2, *PREPROCESS[name].shape)).shape == (2, classes)


def test_weights_come_from_a_file(tmp_path: Path) -> None:
    source = load_network("resnet20", weights="none").model
    write_state_dict(tmp_path / "net.safetensors", source.state_dict())
    loaded = load_network("resnet20", weights=str(tmp_path / "net.safetensors")).model
    inputs = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(inputs), source(inputs))


def test_a_name_without_packaged_weights_asks_for_a_file() -> None:
    with pytest.raises(UserError, match=r"no weights are packaged for resnet110; give a weights file, or 'none'"):
        load_network("resnet110")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "resnet65",
            r"expected a network's name, torchvision:NAME, timm:NAME or .*, got 'resnet65'; did you mean resnet",
        ),
        ("zzz", r"there are digits_resnet, mobilenet_v1, .*, vgg16_bn_cifar"),
        ("torchvision:resnet19", r"no classification network 'resnet19'; did you mean .*resnet18"),
        ("torchvision:raft_large", "no classification network"),
        ("nowhere.py:build", r"expected a Python file at nowhere.py"),
    ],
)
def test_unknown_networks_are_one_line(spec: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        load_network(spec)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("spec", ["models.birds:BirdNet", "models.birds.BirdNet", "models/birds:BirdNet"])
def test_a_name_as_python_imports_it_is_told_as_a_file(
    spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "birds.py").write_text("raise SystemExit('it is not run')\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"; did you mean models/birds\.py:BirdNet\?$"):
        load_network(spec)
    with pytest.raises(UserError, match="; there are digits_resnet"):
        load_network("models.birds:")


def test_a_users_function_makes_the_network(tmp_path: Path) -> None:
    (tmp_path / "own_net.py").write_text(
        "import torch\ndef build():\n    return torch.nn.Linear(2, 2).train()\ndef wrong():\n    return 3\n"
    )
    network = load_network(f"{tmp_path}/own_net.py:build")
    assert (network.preprocess, network.class_names, network.model.training) == (None, None, False)
    with pytest.raises(UserError, match=r"expected .*:wrong to return a torch.nn.Module, got int"):
        load_network(f"{tmp_path}/own_net.py:wrong")


def test_torchvision_without_weights_still_knows_its_preprocess() -> None:
    network = load_network("torchvision:mobilenet_v3_small", weights="none")
    assert network.class_names is None
    assert network.preprocess is not None
    pixels = np.random.default_rng(0).integers(0, 256, (301, 402, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    expected = models.MobileNet_V3_Small_Weights.DEFAULT.transforms()(image)
    torch.testing.assert_close(network.preprocess(image), expected)


def test_torchvision_comes_with_its_best_weights_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    published = models.squeezenet1_1().state_dict()
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda *_, **__: published)
    network = load_network("torchvision:squeezenet1_1")
    assert network.class_names is not None
    assert network.class_names[:2] == ("tench", "goldfish")
    assert all(torch.equal(value, published[name]) for name, value in network.model.state_dict().items())


def test_googlenet_is_the_same_network_whatever_its_weights_come_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    published = models.googlenet(init_weights=False).state_dict()  # with the heads that only training needs
    write_state_dict(tmp_path / "net.safetensors", published)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda *_, **__: published)
    monkeypatch.setattr("torch.nn.init.trunc_normal_", lambda tensor, **_: tensor)  # takes seconds
    built = [
        load_network("torchvision:googlenet", weights).model
        for weights in ("default", str(tmp_path / "net.safetensors"), "none")
    ]
    assert len({tuple(model.state_dict()) for model in built}) == 1
    inputs = torch.randn(1, 3, 32, 32)
    for model in built:
        model.load_state_dict(built[0].state_dict())
        with torch.inference_mode():
            torch.testing.assert_close(model(inputs), built[0](inputs))


@pytest.mark.parametrize(
    "error", [urllib.error.URLError("no route"), RuntimeError("invalid hash value"), IncompleteRead(b"")]
)
def test_a_failed_download_is_one_line(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fail)
    with pytest.raises(UserError, match=r"torchvision:squeezenet1_1 can't be downloaded from https://.*") as caught:
        load_network("torchvision:squeezenet1_1")
    assert "\n" not in str(caught.value)
    assert "give a weights file" in str(caught.value)


def test_timm_is_asked_for_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(
        UserError, match=r"timm:resnet18 needs timm; install it with: pip install 'amc-pruning\[timm\]'"
    ):
        load_network("timm:resnet18")


def test_a_network_of_timm_comes_with_its_preprocess() -> None:
    pytest.importorskip("timm")
    network = load_network("timm:test_nfnet", weights="none")
    assert network.preprocess is not None
    assert network.preprocess.shape == (3, 160, 160)
    assert not network.model.training
    assert all(type(module) is nn.Conv2d for module in network.model.modules() if isinstance(module, nn.Conv2d))
    with pytest.raises(UserError, match=r"timm has no network 'resnet19'; did you mean .*resnet18"):
        load_network("timm:resnet19", weights="none")


def test_what_was_done_to_a_files_weights_is_noted(tmp_path: Path) -> None:
    state = load_network("resnet20", weights="none").model.state_dict()
    path = tmp_path / "net.pth.tar"
    torch.save({"state_dict": {f"module.{name}": value for name, value in state.items()} | {"w": torch.ones(1)}}, path)
    network = load_network("resnet20", f"{path}:state_dict")
    assert network.notes == (f"{path}: left out what the network does not have: w",)
    assert all(torch.equal(value, state[name]) for name, value in network.model.state_dict().items())


def test_weights_that_are_not_finite_are_refused_wherever_they_come_from(tmp_path: Path) -> None:
    (tmp_path / "own_nan.py").write_text(
        "import torch\ndef build():\n    net = torch.nn.Linear(2, 2)\n"
        "    torch.nn.init.constant_(net.bias, float('nan'))\n    return net\n"
    )
    spec = f"{tmp_path}/own_nan.py:build"
    with pytest.raises(UserError, match=r"own_nan.py:build: expected finite weights, 2 of 2 values of bias"):
        load_network(spec)
    torch.save({"weight": torch.ones(2, 2), "bias": torch.tensor([0.0, float("inf")])}, tmp_path / "net.pth")
    with pytest.raises(UserError, match=r"net.pth: expected finite weights, 1 of 2 values of bias"):
        load_network(spec, str(tmp_path / "net.pth"))
