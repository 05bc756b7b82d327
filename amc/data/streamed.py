"""Images that are read anew in every pass."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from amc.data.dataset import LabelledDataset, Selection
from amc.data.reopened_files import ReopenFiles
from amc.data.sampling import Indices, stratified
from amc.data.targets import Target, Targets, collate_targets
from amc.utils.errors import UserError
from amc.utils.text import one_line

MAX_WORKERS = 8
"""The most worker processes that read images."""
WORKER_THRESHOLD_BYTES = 100_000_000  # less is read before worker processes have started
"""Bytes of inputs above which worker processes are used: less is read before they have started."""

Item = tuple[Tensor, Target]
Batch = tuple[Tensor, Targets]


@dataclass(frozen=True, repr=False)
class StreamedImages:
    """A dataset that is read through PyTorch's `DataLoader`, in worker processes if it is large.

    Attributes:
        dataset: The dataset.
        one_process: Whether this process alone reads it, however large it is.
    """

    dataset: LabelledDataset
    one_process: bool = False

    def __repr__(self) -> str:
        return f"<StreamedImages: {len(self):,}, read anew in every pass>"

    def __len__(self) -> int:
        return len(self.dataset)

    @property
    def input_bytes(self) -> int:
        """Bytes that all inputs would take in memory, from the size of the first, which is read."""
        return self.example(1).nbytes * len(self)

    def batches(self, size: int, shuffle_seed: int | None = None) -> Iterator[Batch]:
        """Yield one pass over all images in batches of `size`, shuffled if a seed is given.

        Raises:
            UserError: An image can't be read, or is of another shape than the first.
        """
        in_workers = not self.one_process and self.input_bytes > WORKER_THRESHOLD_BYTES
        loader: DataLoader[Batch | UserError] = DataLoader(
            _Guarded(self.dataset),  # type: ignore[arg-type]  # a map-style dataset by its methods
            batch_size=size,
            shuffle=shuffle_seed is not None,
            num_workers=min(MAX_WORKERS, _usable_cores()) if in_workers else 0,
            collate_fn=_collate,
            worker_init_fn=ReopenFiles(),
            generator=torch.Generator().manual_seed(shuffle_seed or 0),
        )
        shapes = set()
        for batch in loader:
            if isinstance(batch, UserError):
                raise batch
            shapes.add(tuple(batch[0].shape[1:]))
            if len(shapes) > 1:
                raise _of_several(shapes)
            yield batch

    def take(self, count: int, seed: int) -> "StreamedImages":
        """Return `count` of the images, drawn by `amc.data.sampling.stratified`."""
        return self.at(stratified(self.dataset.labels, count, seed))

    def at(self, places: Indices) -> "StreamedImages":
        """Return the images at `places`, in that order."""
        return StreamedImages(Selection(self.dataset, places), self.one_process)

    def example(self, count: int = 2) -> Tensor:
        """Return the first inputs [count, C, H, W]."""
        guarded = _Guarded(self.dataset)
        batch = _collate([guarded[index] for index in range(min(count, len(self)))])
        if isinstance(batch, UserError):
            raise batch
        return batch[0]


@dataclass(frozen=True)
class _Guarded:
    """A dataset that returns its errors, which a worker process would otherwise turn into tracebacks."""

    dataset: LabelledDataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Item | UserError:
        try:
            return self.dataset[index]
        except UserError as error:
            return error
        except Exception as error:
            return UserError(f"image {index} of the data can't be read: {one_line(error)}")


def _usable_cores() -> int:
    """Return how many cores this process may use, which can be fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _collate(items: list[Item | UserError]) -> Batch | UserError:
    good: list[Item] = []
    for item in items:
        if isinstance(item, UserError):
            return item
        good.append(item)
    shapes = {tuple(image.shape) for image, _ in good}
    if len(shapes) > 1:
        return _of_several(shapes)
    inputs = torch.stack([image for image, _ in good])
    try:
        return inputs, collate_targets([target for _, target in good])
    except UserError as error:
        return error


def _of_several(shapes: set[tuple[int, ...]]) -> UserError:
    return UserError(f"expected images of one shape, got {sorted(shapes)}; resize them in the dataset")
