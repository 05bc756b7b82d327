import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch


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
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and tmp_path_factory.getbasetemp() in Path(file).parents:
            del sys.modules[name]
