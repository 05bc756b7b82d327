"""Python objects pickled for other processes, with their tensors in one block of memory that all may share."""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass
from typing import Any

import cloudpickle
import torch
from torch import Tensor, nn

from amc.utils.errors import UserError
from amc.utils.text import one_line
from amc.utils.user_file import user_modules

ALIGNMENT = 64
"""The bytes that the start of each tensor is a multiple of."""
_Place = tuple[int, torch.dtype, torch.Size, tuple[int, ...], bool, torch.device]
"""Where a tensor lies: first byte, type, shape, strides, whether it is a parameter, the device that it is put on."""


@dataclass(frozen=True, eq=False)
class SharedPickle:
    """An object that was taken apart into a pickle and the bytes of its tensors.

    What comes out of it shares the memory of `tensors`, but for what was on a GPU, where it is put again; it must not
    be changed. It is made and opened by processes of the same user, and is never read from a file.

    Attributes:
        content: The pickle without the tensors.
        tensors: The bytes of all tensors, uint8 `(bytes,)`.
    """

    content: bytes
    tensors: Tensor

    @classmethod
    def of(cls, thing: Any) -> SharedPickle:
        """Take an object apart; functions and classes of user files go along by value.

        Raises:
            UserError: Something in it can't be pickled, such as what `torch.compile` and `torch.jit` make.
        """
        for module in user_modules():
            cloudpickle.register_pickle_by_value(module)
        stream = io.BytesIO()
        packer = _Packer(stream, protocol=pickle.HIGHEST_PROTOCOL)
        try:
            packer.dump(thing)
        except Exception as error:  # of a user's objects
            raise UserError(
                f"the network, or what scores it, can't be sent to other processes: {one_line(error)}; take --workers 1"
            ) from error
        block = torch.empty(packer.size, dtype=torch.uint8)
        for start, tensor in packer.found:
            flat = tensor.detach().as_strided((tensor.numel(),), (1,))  # as it lies in memory
            block[start : start + tensor.nbytes] = flat.view(torch.uint8)
        return cls(stream.getvalue(), block)

    def open(self) -> Any:
        """Put the object together again."""
        return _Unpacker(io.BytesIO(self.content), self.tensors).load()


class _Packer(cloudpickle.Pickler):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.size = 0
        self.found: list[tuple[int, Tensor]] = []
        self._places: dict[int, _Place] = {}
        self._held: list[Tensor] = []

    def persistent_id(self, thing: Any) -> _Place | None:
        """Tensors are replaced by where they lie; one that is held twice stays one."""
        if type(thing) not in (Tensor, nn.Parameter) or thing.layout != torch.strided or not thing.numel():
            return None
        if id(thing) not in self._places:
            dense = thing if _is_dense(thing) else thing.contiguous()
            is_parameter = isinstance(thing, nn.Parameter)
            self._places[id(thing)] = (self.size, thing.dtype, thing.shape, dense.stride(), is_parameter, thing.device)
            self.found.append((self.size, dense))
            self._held.append(thing)  # so that no id is used twice
            self.size += -(-thing.nbytes // ALIGNMENT) * ALIGNMENT
        return self._places[id(thing)]


def _is_dense(tensor: Tensor) -> bool:
    """Whether its numbers lie one behind the other, in whatever order of axes."""
    order = sorted(range(tensor.ndim), key=lambda axis: tensor.stride()[axis], reverse=True)
    return tensor.permute(order).is_contiguous()


class _Unpacker(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, block: Tensor) -> None:
        super().__init__(stream)
        self._block = block
        self._known: dict[int, Tensor] = {}

    def persistent_load(self, place: _Place) -> Tensor:
        """The tensor that lies there."""
        start, dtype, shape, strides, is_parameter, device = place
        if start not in self._known:
            raw = self._block[start : start + shape.numel() * dtype.itemsize]
            tensor = raw.view(dtype).as_strided(shape, strides).to(device)
            self._known[start] = nn.Parameter(tensor, requires_grad=False) if is_parameter else tensor
        return self._known[start]
