import functools
import gc
import hashlib
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import settings
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from amc.criteria import brain_surgeon
from amc.data import splits
from amc.data.dataset import PixelDataset
from amc.data.preprocess import Preprocess
from amc.utils.safe_backward import safe_backward
from tests.small_network import FOR_USERS, quick_searches

settings.register_profile("project", deadline=None, max_examples=25)  # machines are shared: no example is timed
settings.load_profile("project")

DIGIT = (8, 8)
OURS = ("amc.", "agents.", "scripts.", "benchmarks.")


def pytest_collection_finish() -> None:
    """What is imported by now stays, and is not looked through again by each collection of garbage; they are rarer."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Threads cost more than they save on tensors as small as the tests'."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def small_searches() -> Iterator[None]:
    """`tests.small_network.SMALL` can be given to commands."""
    with quick_searches():
        yield


@pytest.fixture
def calibrated_as_for_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks are calibrated on as many images as where no test changes it."""
    monkeypatch.setattr(splits, "CALIBRATION_IMAGES", FOR_USERS)


@pytest.fixture(autouse=True, scope="session")
def digits_are_prepared_once() -> Iterator[None]:
    """Nearly every command reads the same 1,797 images, which takes a fifth of its time."""

    @functools.cache
    def prepare(pixels: bytes, preprocess: Preprocess) -> Tensor:
        with torch.inference_mode(False):
            return preprocess(Image.frombytes("L", DIGIT, pixels))

    def read(data: PixelDataset, index: int) -> tuple[Tensor, int]:
        if data.pixels.shape[1:] != DIGIT:
            return plain(data, index)
        return prepare(data.pixels[index].tobytes(), data.preprocess), int(data.labels[index])

    plain = PixelDataset.__getitem__
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PixelDataset, "__getitem__", read)
        yield


@pytest.fixture(autouse=True, scope="session")
def channels_are_ordered_once() -> Iterator[None]:
    """Nearly every search is on one of two networks, and orders their channels from the same numbers."""
    order = brain_surgeon._losses_in_order
    known: dict[bytes, NDArray[np.float64]] = {}

    def once(parts: list[brain_surgeon._Part], units: int) -> NDArray[np.float64]:
        digest = hashlib.sha256(f"{units} {brain_surgeon.MOST_TURNS}".encode())
        for part in parts:
            for tensor in (part._inverse, part._weights, part._units):
                digest.update(f"{tuple(tensor.shape)}".encode() + tensor.contiguous().numpy().tobytes())
        key = digest.digest()
        if key not in known:
            known[key] = order(parts, units)
        return known[key].copy()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(brain_surgeon, "_losses_in_order", once)
        yield


@pytest.fixture(scope="module")
def operators_are_read_once() -> Iterator[None]:
    """Every export to ONNX reads all operators that there are anew, which is a third of its time; it changes none."""
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(functools.cache(ONNXRegistry.from_torchlib)))
        yield


@pytest.fixture(autouse=True)
def users_files_are_forgotten(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Modules that a test wrote, and their folders, are taken away again: the next test's may have their names."""
    path = list(sys.path)
    yield
    sys.path[:] = path
    written = f"{tmp_path_factory.getbasetemp()}/"
    for name in sys.modules.keys() - installed:  # after every test: looking at all of the thousands takes a while
        if str(getattr(sys.modules[name], "__dict__", {}).get("__file__")).startswith(written):
            del sys.modules[name]
        else:
            installed.add(name)


installed: set[str] = set()
"""Names of modules that no test wrote."""


@functools.lru_cache(1)
def _with_backward_passes(_: int) -> list[ModuleType]:
    """Our modules that enter `safe_backward`, looked for anew where there are more modules than before."""
    others = {"amc.utils.safe_backward", "amc.analysis.self_check", "amc.compression.output_changes"}
    modules = [module for name, module in sys.modules.items() if name.startswith(OURS) and name not in others]
    return [module for module in modules if vars(module).get("safe_backward") is safe_backward]


@pytest.fixture(autouse=True)
def backward_passes_are_marked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`make test-backward` runs those.

    Self-checks are in most tests, nearly all in float64, which oneDNN can't do; changes of outputs are in every search
    by an agent, and tests of their own are marked.
    """
    seen = []

    def noted() -> AbstractContextManager[None]:
        seen.append(True)
        return safe_backward()

    for module in _with_backward_passes(len(sys.modules)):
        monkeypatch.setattr(module, "safe_backward", noted)
    yield
    if seen and request.node.get_closest_marker("backward") is None:
        pytest.fail("it runs backward passes: mark it with @pytest.mark.backward")
