"""The device on which tensors are computed."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import torch
from torch import nn

from amc.utils.errors import UserError
from amc.utils.text import one_line

DeviceLike = str | torch.device
"""A device, or its name: `cpu`, `cuda`, or `auto` for a GPU if there is one."""


def find_device(name: DeviceLike) -> torch.device:
    """Return the device called `name`; `auto` is the first GPU where PyTorch finds one, else the CPU.

    Raises:
        UserError: PyTorch has no such device, or can't use it.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # `meta` has no numbers
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UserError(
            f"expected a device that PyTorch can use (auto, cpu, cuda), got {str(name)!r}: {one_line(error)}"
        ) from error
    return device


def device_of(model: nn.Module) -> torch.device:
    """Return the device that a network is on, which is that of its first tensor; the CPU for one that has none."""
    return next((tensor.device for tensor in chain(model.parameters(), model.buffers())), torch.device("cpu"))


@contextmanager
def forked_random_numbers(device: torch.device) -> Iterator[None]:
    """Restore the global random numbers at the end of the context: the CPU's, and where `device` is a GPU its own."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield
