"""A user's `DataLoader`, streamed as it is."""

from collections.abc import Iterator, Mapping, Sized
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from torch import Tensor
from torch.utils._pytree import tree_map
from torch.utils.data import DataLoader, Dataset, Subset

from amc.data.sampling import Indices, stratified
from amc.errors import UserError
from amc.graph.inputs import first


@dataclass(frozen=True)
class LoaderImages:
    """Batches pass through: inputs first, then whatever the task has as targets.

    A tuple or list of tensors in place of the inputs are several inputs of the network, in the order of its `forward`;
    a mapping of tensors are inputs that are passed by name. Numbers of another precision become float32.
    The loader decides the size and the order of its batches. A selection of its images is read
    by a loader with the same collation, batch size and workers, in a fixed order.
    """

    loader: DataLoader[Any]

    def __len__(self) -> int:
        return len(cast(Sized, self.loader.dataset))

    def batches(self, size: int, shuffle_seed: int | None = None) -> Iterator[tuple[Any, Any]]:  # noqa: ARG002
        """One pass of the loader, whatever `size` and `shuffle_seed` are."""
        for batch in self.loader:
            inputs, targets = batch
            yield _inputs(inputs), targets

    def take(self, count: int, seed: int) -> "LoaderImages":
        """Some of the images, drawn at random."""
        return self.select(stratified(np.zeros(len(self), dtype=np.int64), count, seed))

    def example(self, count: int = 2) -> Any:
        """The inputs of the first batch, cut to `count` images.

        Raises:
            UserError: a batch does not begin with a tensor, or a tuple or list of tensors.
        """
        batch = next(iter(self.loader))
        inputs = batch[0] if isinstance(batch, tuple | list) else batch
        given = _inputs(inputs)
        parts = [given] if isinstance(given, Tensor) else list(given.values() if isinstance(given, dict) else given)
        if inputs is batch or not parts or not all(isinstance(part, Tensor) for part in parts):
            got = {type(part).__name__ for part in parts if not isinstance(part, Tensor)} or {type(batch).__name__}
            raise UserError(
                "expected batches of (inputs, targets) from the DataLoader, the inputs a tensor, or a tuple or mapping"
                f" of tensors, got {', '.join(sorted(got))}"
            )
        return first(given, count)

    def select(self, indices: Indices) -> "LoaderImages":
        """The images at these positions of the loader's dataset."""
        loader = self.loader
        subset: Dataset[Any] = Subset(loader.dataset, indices.tolist())
        return LoaderImages(
            DataLoader(
                subset,
                batch_size=loader.batch_size or 1,
                num_workers=loader.num_workers,
                collate_fn=loader.collate_fn,
            )
        )


def _inputs(given: Any) -> Any:
    """What a network takes: a tensor, a tuple or a dictionary, floating-point numbers in it in float32."""
    if isinstance(given, Mapping):
        given = dict(given)
    elif isinstance(given, list):
        given = tuple(given)
    return tree_map(_single, given)


def _single(leaf: Any) -> Any:
    return leaf.float() if isinstance(leaf, Tensor) and leaf.is_floating_point() else leaf
