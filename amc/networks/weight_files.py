"""Weights in files: read without executing anything, and loaded as a whole or not at all."""

from collections.abc import Callable, Mapping
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from amc.networks.file_format import AGAIN, SAFETENSORS, format_of
from amc.networks.tensor_tree import find_tensors
from amc.networks.torch_file import ALONE, Content, holds_module, read_content, unread_error
from amc.networks.weight_choice import choose_weights
from amc.networks.weight_sets import NetworkTensors
from amc.utils.errors import UserError
from amc.utils.files import write_bytes
from amc.utils.text import one_line

OTHER_TYPE = "save them as float32 where the file was made"
REMEDY = "give the weights of this very architecture"


def load_weights(model: nn.Module, spec: str) -> tuple[str, ...]:
    """Load the weights for `model` from a file, wherever they lie in it: all of them or nothing.

    They are found by what fits (`amc.networks.weight_choice.choose_weights`), whatever the file is called.

    Args:
        model: The network that is changed.
        spec: `FILE`, or `FILE:KEY` with the dotted path of one of several sets of weights, or consecutive parts of
            that path, e.g. `FILE:ema.model`.

    Returns:
        Lines that the user should read: which of several sets was taken, and what was left out.

    Raises:
        UserError: There is no such file or key, or the file holds no weights that fit; the message says why.
    """
    if "://" in spec:
        raise UserError(f"expected a weights file, got the address {spec}; download it, and give the file")
    path, key = split_key(spec)
    content = _content(path)
    file = find_tensors(content.tree)
    if not file:
        if content.classes:
            raise unread_error(path, content.classes)
        raise UserError(f"{path} holds no tensors by name, but a {type(content.tree).__name__}; {ALONE}")
    choice = choose_weights(file, NetworkTensors(model), path, key)
    if choice.place is None:
        if holds_module(content.classes) and not choice.is_near:
            raise unread_error(path, content.classes)
        raise UserError(f"the weights in {choice.source} do not fit the network; {'; '.join(choice.faults)}; {REMEDY}")
    _put(model, choice.place.state, choice.source)
    return choice.notes


def split_key(spec: str) -> tuple[Path, str | None]:
    """Return the file and the key of `FILE` or `FILE:KEY`; a file whose name has a colon comes before a key."""
    end = len(spec)
    while not _is(Path.exists, spec[:end]) and ":" in spec[:end]:
        end = spec.rindex(":", 0, end)
    if not _is(Path.is_file, spec[:end]):
        return Path(spec), None
    return Path(spec[:end]), spec[end + 1 :] if end < len(spec) else None


def _is(kind: Callable[[Path], bool], name: str) -> bool:
    """Whether `Path.exists` or the like says so of a name; not where the name is too long, or may not be looked at."""
    try:
        return kind(Path(name))
    except OSError:
        return False


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file onto the CPU.

    Raises:
        UserError: There is no such file, or it is of another kind, damaged, or holds numbers of an unknown type.
    """
    if format_of(path) != SAFETENSORS:
        raise UserError(f"expected a safetensors file at {path}, got one of torch.save; write it by safetensors")
    try:
        return dict(safetensors.torch.load(path.read_bytes()))
    except KeyError as error:  # a type of numbers that safetensors does not know how to give
        raise UserError(
            f"{path} holds numbers of the type {error.args[0]}, which can't be read; {OTHER_TYPE}"
        ) from error
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path} is cut off or damaged: {one_line(error)}; {AGAIN}") from error


def write_state_dict(path: Path, state: Mapping[str, Tensor]) -> None:
    """Write tensors as a safetensors file, atomically; tensors that share memory are written as copies.

    Raises:
        UserError: The disk is full, or the folder can't be written to.
    """
    copies = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in state.items()
    }
    write_bytes(path, safetensors.torch.save(copies))


def load_state(model: nn.Module, state: Mapping[str, Tensor], source: str | Path) -> None:
    """Copy `state` into `model`, all of it or nothing.

    The batch norms' `num_batches_tracked`, which older files lack, may be missing.

    Args:
        model: The network that is changed.
        state: Tensors by name.
        source: Where the tensors come from, named in the error.

    Raises:
        UserError: Entries are missing, unexpected, of another shape or of a kind that is not taken; all are named.
    """
    faults = NetworkTensors(model).faults(state)
    if faults:
        raise UserError(f"the weights in {source} do not fit the network; {'; '.join(faults)}; {REMEDY}")
    _put(model, state, source)


def _put(model: nn.Module, state: Mapping[str, Tensor], source: str | Path) -> None:
    """Copy tensors that have the names and shapes of the model's `state_dict`."""
    unexpected = model.load_state_dict(state, strict=False).unexpected_keys
    if unexpected:
        raise UserError(
            f"the weights in {source} can't be loaded: the network's state_dict has names that its load_state_dict does"
            f" not take, such as {unexpected[0]}"
        )


def _content(path: Path) -> Content:
    if format_of(path) == SAFETENSORS:
        return Content(read_state_dict(path), ())
    return read_content(path)
