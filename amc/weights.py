"""Weights in files: read without executing anything, checked before they are loaded."""

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from amc.errors import UserError
from amc.files import write_bytes
from amc.text import one_line, shortened

TORCH_SUFFIXES = (".pt", ".pth", ".th")
WRAPPING_KEYS = ("state_dict", "model_state_dict", "model")
PARALLEL_PREFIX = "module."  # of torch's DataParallel and DistributedDataParallel


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a `.safetensors`, `.pt`, `.pth` or `.th` file onto the CPU.

    A state dict found under `state_dict`, `model_state_dict` or `model` is taken out, and a
    `module.` before every name is taken off.

    Raises:
        UserError: no such file, another suffix, a damaged file, no state dict in it, or a pickle
            that would have to execute code.
    """
    if not path.is_file():
        raise UserError(f"expected a weights file at {path}, there is none; check the path")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if path.suffix in TORCH_SUFFIXES:
        return _unwrapped(read_torch(path, path), path)
    known = ", ".join((".safetensors", *TORCH_SUFFIXES))
    raise UserError(f"expected a weights file that ends in {known}, got {path}")


def read_torch(source: Path | BinaryIO, name: str | Path) -> object:
    """What `torch.save` wrote, onto the CPU, without executing anything; `name` stands for it in errors.

    Raises:
        UserError: a damaged file, or a pickle that would have to execute code.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of pickles that are then refused
            return torch.load(source, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{name} is damaged, or holds more than tensors, which to read would execute code;"
            " save the tensors alone: torch.save(model.state_dict(), file)"
        ) from error
    except Exception as error:  # a damaged file may raise anything
        raise UserError(f"{name} can't be read as a PyTorch file: {one_line(error)}") from error


def write_state_dict(path: Path, state: Mapping[str, Tensor]) -> None:
    """Write tensors as a safetensors file, whole or not at all.

    Tensors that share memory are written as copies.

    Raises:
        UserError: the disk is full, or the folder can't be written to.
    """
    copies = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in state.items()
    }
    write_bytes(path, safetensors.torch.save(copies))


def load_state(model: nn.Module, state: Mapping[str, Tensor], source: str | Path) -> None:
    """Copy `state` into `model`, all of it or nothing.

    Batch norms' `num_batches_tracked`, which older files lack, may be missing.

    Args:
        model: the network that is changed.
        state: tensors by name.
        source: where the tensors come from, named in the error.

    Raises:
        UserError: entries are missing, unexpected or of another shape; it names all three.
    """
    own = {name: value for name, value in model.state_dict().items() if isinstance(value, Tensor)}
    missing = [name for name in own if name not in state and not name.endswith("num_batches_tracked")]
    unexpected = [name for name in state if name not in own]
    misshaped = [
        f"{name} ({list(state[name].shape)} instead of {list(value.shape)})"
        for name, value in own.items()
        if name in state and state[name].shape != value.shape
    ]
    faults = [
        f"{title}: {shortened(names)}"
        for title, names in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("of another shape", misshaped),
        )
        if names
    ]
    if faults:
        raise UserError(
            f"the weights in {source} do not fit the network; {'; '.join(faults)};"
            " give the weights of this very architecture"
        )
    model.load_state_dict(state, strict=False)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return _without_parallel_prefix(safetensors.torch.load_file(path))
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} can't be read as a safetensors file: {one_line(error)}") from error


def _unwrapped(content: object, path: Path) -> dict[str, Tensor]:
    for key in WRAPPING_KEYS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not content:
        raise UserError(f"expected a state dict in {path}, got {type(content).__name__}")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise UserError(
                f"expected tensors by name in {path}, got {type(value).__name__} at {name!r};"
                " save the tensors alone: torch.save(model.state_dict(), file)"
            )
    return _without_parallel_prefix(content)


def _without_parallel_prefix(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    if all(name.startswith(PARALLEL_PREFIX) for name in state):
        return {name.removeprefix(PARALLEL_PREFIX): tensor for name, tensor in state.items()}
    return dict(state)
