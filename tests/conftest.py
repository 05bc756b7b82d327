import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Threads cost more than they save on tensors as small as the tests'."""
    torch.set_num_threads(1)
