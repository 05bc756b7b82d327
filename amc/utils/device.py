"""The device on which tensors are computed."""

import torch

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
