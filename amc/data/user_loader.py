"""A user's `DataLoader` as a split of the data, streamed as it is."""

import copy
from collections.abc import Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from functools import cached_property
from traceback import clear_frames
from typing import Any, cast

import numpy as np
from torch import Tensor
from torch.utils._pytree import tree_map
from torch.utils.data import BatchSampler, DataLoader, SubsetRandomSampler

from amc.data.fork_safety import ForkSafe
from amc.data.reopened_files import ReopenFiles
from amc.data.sampling import Indices, stratified
from amc.graph.inputs import take_first
from amc.utils.errors import UserError
from amc.utils.text import one_line

EXPECTED = "expected batches of (inputs, targets) from the DataLoader"


@dataclass(frozen=True, repr=False)
class LoaderImages:
    """The batches of a user's `DataLoader`: inputs first, then whatever the task has as targets.

    A tuple or list of tensors in place of the inputs are several inputs of the network, in the order of its `forward`;
    a mapping of tensors are inputs that are passed by name. Numbers of another precision become float32. The loader
    decides the size and the order of its batches. A selection of its images is read by a loader with the same
    collation, batch size and workers, in a fixed order. Where the loader can be copied, this process reads a copy of it
    (`amc.data.fork_safety`).
    """

    loader: DataLoader[Any]

    @cached_property
    def _loader(self) -> DataLoader[Any]:
        loader = copy.copy(ForkSafe(self.loader).for_this_process)
        loader.worker_init_fn = ReopenFiles(loader.worker_init_fn)
        return loader

    def __getstate__(self) -> dict[str, Any]:
        """Send the original loader to another process, as it was before anything was read."""
        return {"loader": self.loader}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the loader; it is copied when it is first read."""
        self.__dict__.update(state)

    def __repr__(self) -> str:
        return f"<LoaderImages: {len(self):,}, in the loader's batches>"

    def __len__(self) -> int:
        """The number of images in one pass: a last batch that the loader drops does not count."""
        count, batches = _count(self._loader), self._loader.batch_sampler
        if isinstance(batches, BatchSampler) and batches.drop_last:
            return count - count % batches.batch_size
        return count

    def batches(self, size: int, shuffle_seed: int | None = None) -> Iterator[tuple[Any, Any]]:  # noqa: ARG002
        """Yield one pass of the loader as `(inputs, targets)`, floating-point inputs in float32.

        Both arguments are ignored: the loader decides the size and the order of its batches.

        Raises:
            UserError: A batch is no pair, or the loader fails.
        """
        for batch in _batches(self._loader):
            if not isinstance(batch, tuple | list) or len(batch) != 2:
                raise UserError(f"{EXPECTED}, got {_described(batch)}; give it a collate_fn that makes them")
            inputs, targets = batch
            yield _inputs(inputs), targets

    def take(self, count: int, seed: int) -> "LoaderImages":
        """Return `count` of the images, drawn uniformly by `seed`.

        Raises:
            UserError: There are fewer than `count` images, or `count` is below 1.
        """
        return self.at(stratified(np.zeros(len(self), dtype=np.int64), count, seed))

    def example(self, count: int = 2) -> Any:
        """Return the first inputs in the fixed order of a selection, at most `count` and at most a batch of them.

        Raises:
            UserError: A batch does not begin with a tensor, or a tuple, list or mapping of tensors; the loader fails.
        """
        batch = next(_batches(self.at(np.arange(min(count, len(self))))._loader))
        inputs = batch[0] if isinstance(batch, tuple | list) else batch
        given = _inputs(inputs)
        parts = [given] if isinstance(given, Tensor) else list(given.values() if isinstance(given, dict) else given)
        if inputs is batch or not parts or not all(isinstance(part, Tensor) for part in parts):
            got = {type(part).__name__ for part in parts if not isinstance(part, Tensor)} or {type(batch).__name__}
            raise UserError(
                f"{EXPECTED}, the inputs a tensor, or a tuple or mapping of tensors, got {', '.join(sorted(got))}"
            )
        return take_first(given, count)

    def at(self, places: Indices) -> "LoaderImages":
        """Return the images at these positions among those of the loader."""
        loader, read = self.loader, _read(self.loader)
        return LoaderImages(
            DataLoader(
                loader.dataset,  # itself, since the user's worker_init_fn may look for it
                sampler=[read[place] for place in places.tolist()],
                batch_size=_batch_size(loader),
                num_workers=loader.num_workers,
                collate_fn=loader.collate_fn,
                worker_init_fn=loader.worker_init_fn,
                timeout=loader.timeout,
                multiprocessing_context=loader.multiprocessing_context,
                persistent_workers=loader.persistent_workers,
                prefetch_factor=loader.prefetch_factor,
            )
        )


def _batches(loader: DataLoader[Any]) -> Iterator[Any]:
    """Yield the batches of a loader.

    Raises:
        UserError: Its dataset, its `collate_fn` or a worker raises something.
    """
    done = object()
    batches = None
    while True:
        try:
            batches = iter(loader) if batches is None else batches
            batch = next(batches, done)
        except UserError:
            raise
        except Exception as error:
            clear_frames(error.__traceback__)  # they hold the iterator, and its workers live as long as it does
            batches = None
            raise UserError(f"the DataLoader of the data fails: {_told(error)}; mend it, or what it reads") from error
        if batch is done:
            return
        yield batch


def _told(error: Exception) -> str:
    """Return what was raised in one line; a worker sends a whole traceback, which ends in that."""
    _, is_of_worker, traceback = str(error).partition("Original Traceback")
    return traceback.strip().splitlines()[-1] if is_of_worker else one_line(error)


def _inputs(given: Any) -> Any:
    """Return what a network takes, a tensor, tuple or dictionary, with floating-point numbers in float32."""
    if isinstance(given, Mapping):
        given = dict(given)
    elif isinstance(given, list):
        given = tuple(given)
    return tree_map(_single, given)


def _single(leaf: Any) -> Any:
    return leaf.float() if isinstance(leaf, Tensor) and leaf.is_floating_point() else leaf


def _described(batch: Any) -> str:
    return f"{len(batch)} parts" if isinstance(batch, tuple | list) else type(batch).__name__


def _sampler(loader: DataLoader[Any]) -> Any:
    return loader.batch_sampler.sampler if isinstance(loader.batch_sampler, BatchSampler) else loader.sampler


def _count(loader: DataLoader[Any]) -> int:
    """Return how many positions a loader reads."""
    sampler = _sampler(loader)
    return len(sampler) if isinstance(sampler, Sized) else len(cast(Sized, loader.dataset))


def _read(loader: DataLoader[Any]) -> Sequence[int]:
    """Return the positions in the dataset of what the loader reads; of what it draws, as many, evenly spread."""
    sampler = _sampler(loader)
    if isinstance(sampler, SubsetRandomSampler):
        return [int(position) for position in sampler.indices]
    if isinstance(sampler, Sequence):
        return sampler
    total, count = len(cast(Sized, loader.dataset)), _count(loader)
    return [place * total // count for place in range(count)]


def _batch_size(loader: DataLoader[Any]) -> int | None:
    """Return the number of items in a batch; None where the dataset makes batches itself."""
    if loader.batch_sampler is None:
        return None
    return loader.batch_size or getattr(loader.batch_sampler, "batch_size", 1)
