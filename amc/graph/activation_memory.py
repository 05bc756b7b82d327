"""Which memory every operator makes and reads while a forward pass is watched.

Views share the memory of what they are views of, and an operator that works in place makes none. Parameters and buffers
are no activations.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor

from amc.graph.channels import Label, Labels


@dataclass
class Storage:
    """Memory for an activation, as it was seen.

    `labels` are those of its axes that are known, `bytes` of one position of all of them, for one image. It was made by
    the operator number `made` and is last read by number `last`. An operator that works element by element could have
    written into any of `donors` instead.
    """

    labels: tuple[Label, ...]
    bytes: int
    size: int
    made: int
    last: int
    donors: tuple[int, ...] = ()
    is_given: bool = False


class ActivationMemory:
    """The activations of a forward pass, in the order in which they are made."""

    def __init__(self) -> None:
        self._all: list[Storage] = []
        self._index_of: dict[int, int] = {}  # where each storage that was seen last under an address is in `_all`
        self._operators = 0

    def add_input(self, tensor: Tensor, images: int) -> None:
        """Note an input of the network."""
        self._add(tensor, (None,) * tensor.ndim, images, (), is_given=True)

    def add_operator(
        self, read: Iterable[Tensor], written: Iterable[tuple[Tensor, Labels, int]], is_elementwise: bool
    ) -> None:
        """Note an operator: what it reads; what it gives, with the labels and the number of images of each."""
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
        """Note the outputs of the network, which stay until its end."""
        for tensor in outputs:
            index = self._index_of.get(_address(tensor))
            if index is not None:
                self._all[index].last = self._operators

    def with_reuse(self) -> list[Storage]:
        """The storages that a runtime needs: element-wise operators write into what is read for the last time.

        That is what runtimes do. What the network was given is never written to.
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
