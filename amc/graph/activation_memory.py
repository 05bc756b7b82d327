"""The memory that activations take during a forward pass: when each piece is made, and when it is last read.

Views share the memory of their base, and an operator that works in place allocates nothing. Parameters and buffers are
not activations.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor

from amc.graph.channels import Label, Labels


@dataclass
class Storage:
    """The memory of one activation.

    Attributes:
        labels: Channel labels of the axes that have one.
        bytes: Bytes of one position of all labelled axes together, for one image.
        size: Bytes of the whole activation, for one image.
        made: Number of the operator that made it.
        last: Number of the operator that reads it last.
        donors: Storages that an element-wise operator could have written into instead, by index.
        is_given: Whether it is an input of the network, which is never written to.
    """

    labels: tuple[Label, ...]
    bytes: int
    size: int
    made: int
    last: int
    donors: tuple[int, ...] = ()
    is_given: bool = False


class ActivationMemory:
    """The activations of one forward pass, in the order in which they are made."""

    def __init__(self) -> None:
        self._all: list[Storage] = []
        self._index_of: dict[int, int] = {}  # where each storage that was seen last under an address is in `_all`
        self._operators = 0

    def add_input(self, tensor: Tensor, images: int) -> None:
        """Add an input of the network, for a batch of `images`."""
        self._add(tensor, (None,) * tensor.ndim, images, (), is_given=True)

    def add_operator(
        self, read: Iterable[Tensor], written: Iterable[tuple[Tensor, Labels, int]], is_elementwise: bool
    ) -> None:
        """Add an operator: the tensors it reads, and those it writes with their labels and their number of images."""
        read = list(read)
        before = {_address(tensor) for tensor in read}
        known = [self._index_of[address] for address in before if address in self._index_of]
        for index in known:
            self._all[index].last = self._operators
        for tensor, labels, images in written:
            if _address(tensor) not in before:
                self._add(tensor, labels, images, tuple(known) if is_elementwise else ())
                before.add(_address(tensor))
        self._operators += 1

    def add_outputs(self, outputs: Iterable[Tensor]) -> None:
        """Mark the outputs of the network, which stay in memory until its end."""
        for tensor in outputs:
            index = self._index_of.get(_address(tensor))
            if index is not None:
                self._all[index].last = self._operators

    def with_reuse(self) -> list[Storage]:
        """Return the storages that a runtime needs, which writes element-wise results over what is not read again.

        Inputs of the network are never written to.
        """
        stands_for: list[int] = []
        result: list[Storage] = []
        for storage in self._all:
            free = (
                stands_for[donor]
                for donor in storage.donors
                if not (found := result[stands_for[donor]]).is_given
                and found.last == storage.made
                and found.size == storage.size
            )
            index = next(free, None)
            if index is None:
                index = len(result)
                result.append(Storage(**vars(storage)))
            else:
                result[index].last = storage.last
            stands_for.append(index)
        return result

    def _add(
        self, tensor: Tensor, labels: Labels, images: int, donors: tuple[int, ...], is_given: bool = False
    ) -> None:
        if not tensor.numel():
            self._index_of.pop(_address(tensor), None)
            return
        known = tuple(label for label in labels if label is not None)
        size = tensor.numel() * tensor.element_size() // images
        rest = size
        for label in known:
            rest //= len(label)
        self._index_of[_address(tensor)] = len(self._all)
        self._all.append(Storage(known, rest, size, self._operators, self._operators, donors, is_given))


def _address(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)
