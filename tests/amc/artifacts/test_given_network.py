import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import amc
from amc.artifacts.given_network import ExampleLike, find_example, find_network, preparation_of
from amc.artifacts.policy import Policy, save_compact
from amc.data.image_size import ImageSize
from amc.data.load import Splits
from amc.data.resident import ResidentImages
from amc.graph.inputs import Example
from amc.pruning.slicing import choose_units, compact, make_selection
from amc.utils.errors import UserError

SPEC = "1x8x8"


@pytest.fixture(scope="module")
def result() -> SimpleNamespace:
    """The network and the policy of a search."""
    original = amc.load_network("digits_resnet").model
    graph = amc.analyse(original, torch.zeros(1, 1, 8, 8))
    selection = make_selection(graph, original, choose_units(graph, np.zeros(graph.unit_count), graph.least))
    policy = Policy("digits_resnet", SPEC, "", "uniform", 0, (), {}, 0.0, 0.0, (), selection, {})
    return SimpleNamespace(network=compact(original, selection), policy=policy, class_names=None)


@pytest.fixture(scope="module")
def run_dir(result: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "first"
    save_compact(folder, result.policy, result.network)
    return folder


def shapes(example: Example) -> tuple[int, ...]:
    assert isinstance(example, Tensor)
    return tuple(example.shape)


def test_a_module_is_left_as_it_is_and_nothing_is_known_of_its_inputs() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3)).half().train()
    with pytest.warns(UserWarning, match="float16"):
        found = find_network(nn.DataParallel(module))
    assert module.training
    assert not found.model.training
    assert (module[0].weight.dtype, next(found.model.parameters()).dtype) == (torch.float16, torch.float32)
    assert found.example is None


def test_a_loaded_network_has_the_inputs_of_its_weights() -> None:
    found = find_network(amc.load_network("digits_resnet"))
    assert found.name == "digits_resnet"
    assert shapes(find_example(found)) == (1, 1, 8, 8)


@pytest.mark.parametrize("kind", ["result", "folder", "text"])
def test_results_and_runs_are_their_compact_networks(result: SimpleNamespace, run_dir: Path, kind: str) -> None:
    given: Any = {"result": result, "folder": run_dir, "text": str(run_dir)}[kind]
    found = find_network(given)
    images = torch.randn(3, 1, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(found.model(images), result.network.eval()(images))
    assert shapes(find_example(found)) == (1, 1, 8, 8)


def test_a_run_on_a_users_network_takes_the_original(result: SimpleNamespace, tmp_path: Path) -> None:
    policy = Policy(**{**vars(result.policy), "model": "own.py:build"})
    save_compact(tmp_path, policy, result.network)
    with pytest.raises(UserError, match="not imported from a policy file; give that model"):
        find_network(tmp_path)
    own = tmp_path / "own.py"
    own.write_text("import amc\nbuild = lambda: amc.load_network('digits_resnet', 'none').model\n")
    network = amc.load_network("digits_resnet", "none")
    for original in (network, f"{own}:build"):
        torch.testing.assert_close(amc.load(tmp_path, original).state_dict(), result.network.state_dict())
    assert amc.describe(tmp_path, model=network).groups
    wrong: Any = 5
    with pytest.raises(UserError, match=r"expected model as a torch.nn.Module, .* got int"):
        amc.load(tmp_path, wrong)
    found = find_network(tmp_path, network.model)
    torch.testing.assert_close(found.model.state_dict(), result.network.state_dict())


def test_the_images_of_a_run_are_prepared_as_it_recorded(result: SimpleNamespace, tmp_path: Path) -> None:
    save_compact(tmp_path, result.policy, result.network)
    own = amc.load_network("digits_resnet", "none").preprocess
    assert preparation_of(tmp_path) == {"preprocess": own}
    recorded = {"image_size": [8, 6], "mean": [0.5], "std": None, "class_order": "number", "seed": 3, "model": "x"}
    (tmp_path / "summary.json").write_text(json.dumps({"arguments": recorded}))
    found = {"preprocess": own, "image_size": (8, 6), "mean": (0.5,), "class_order": "number", "seed": 3}
    assert preparation_of(str(tmp_path)) == found
    assert preparation_of(result.network) == {}


IMAGES = ResidentImages(torch.zeros(2, 2, 5, 4), torch.zeros(2, dtype=torch.int64))


@pytest.mark.parametrize(
    ("given", "image_size", "shape"),
    [
        (torch.zeros(2, 3, 7, 7), None, (2, 3, 7, 7)),
        ("3x9x8", None, (1, 3, 9, 8)),
        ((3, 9, 8), None, (1, 3, 9, 8)),
        ((1, 3, 9, 8), None, (1, 3, 9, 8)),
        (Splits(IMAGES, IMAGES, IMAGES, IMAGES, None, False), None, (1, 2, 5, 4)),
        (None, 16, (1, 3, 16, 16)),
        (None, (16, 12), (1, 3, 16, 12)),
    ],
)
def test_inputs_are_given_in_many_ways(
    given: ExampleLike | None, image_size: ImageSize | None, shape: tuple[int, ...]
) -> None:
    assert shapes(find_example(find_network(nn.Conv2d(3, 4, 3)), given, image_size)) == shape


@pytest.mark.parametrize("given", [(2, 16, 9, 8), (1, 2, 16, 9, 8), "2x16x9x8"])
def test_volumes_are_given_as_images_are(given: ExampleLike) -> None:
    assert shapes(find_example(find_network(nn.Conv3d(2, 4, 3)), given)) == (1, 2, 16, 9, 8)
    assert shapes(find_example(find_network(nn.Conv3d(1, 4, 3)), (1, 16, 9, 8))) == (1, 1, 16, 9, 8)


def test_numbers_of_numpy_and_floats_without_a_fraction_are_sizes() -> None:
    network = find_network(nn.Conv2d(3, 4, 3))
    assert shapes(find_example(network, tuple(np.array([3, 16, 9])))) == (1, 3, 16, 9)
    assert shapes(find_example(network, image_size=[16.0, np.int64(9)])) == (1, 3, 16, 9)  # type: ignore[list-item]


def test_images_of_a_size_have_the_networks_channels() -> None:
    grey = nn.Sequential(nn.Identity(), nn.Conv2d(1, 4, 3), nn.Conv2d(4, 8, 3))
    assert shapes(find_example(find_network(grey), image_size=12)) == (1, 1, 12, 12)
    assert shapes(find_example(find_network(nn.Conv2d(64, 8, 3)), image_size=12)) == (1, 3, 12, 12)
    assert shapes(find_example(find_network(amc.load_network("digits_resnet")), image_size=12)) == (1, 1, 12, 12)


@pytest.mark.parametrize(
    ("given", "image_size", "message"),
    [
        (None, None, "the input size of Conv2d is not known; give image_size, or an example of its inputs"),
        (torch.zeros(1, 3, 4, 4), 4, "leave image_size out"),
        (None, 0, "expected image_size above 0 pixels, got 0"),
        (None, 16.5, "expected image_size as a whole number, got 16.5"),
        (None, 100_000, "expected image_size of at most 8,192 x 8,192 pixels, got 100000"),
        (torch.zeros(0, 3, 4, 4), None, "such as 3x64x64, got an empty tensor"),
        (np.zeros((1, 3, 4, 4)), None, "such as 3x64x64, got ndarray"),
        (None, (4, 5, 6), "expected image_size as one number of pixels or height and width"),
        (64, None, "expected an example input with tensors, data, or a shape such as 3x64x64, got int"),
        ("3x", None, "expected a shape such as 3x224x224 or 3x64x64,10:int64"),
        ((3, 0, 8), None, "got '3x0x8'"),
    ],
)
def test_inputs_that_are_none_are_told(given: Any, image_size: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        find_example(find_network(nn.Conv2d(3, 4, 3)), given, image_size)
    assert message in str(caught.value)


def test_what_is_no_network_is_told(tmp_path: Path) -> None:
    nothing: Any = 5
    with pytest.raises(UserError, match=r"as a network, got int"):
        find_network(nothing)
    with pytest.raises(UserError, match=r"no policy\.json in .*; give the folder of a finished run"):
        find_network(tmp_path)
