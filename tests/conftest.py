import sys
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from amc import backward


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Threads cost more than they save on tensors as small as the tests'."""
    torch.set_num_threads(1)


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


@pytest.fixture(autouse=True)
def backward_passes_are_marked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`make test-backward` runs those that are, so one that is not would go unseen; oneDNN has no part in float64."""
    kernel, formats = backward._backward, set()

    def noted(keys: Any, slopes: Tensor, *others: Any) -> Any:
        formats.add(slopes.dtype)
        return kernel(keys, slopes, *others)

    monkeypatch.setattr(backward, "_backward", noted)
    yield
    if formats - {torch.float64} and request.node.get_closest_marker("backward") is None:
        pytest.fail("it runs a backward pass of a convolution: mark it with @pytest.mark.backward")
