"""Images that are read when they are first asked for."""

from collections.abc import Iterator
from functools import cached_property

import torch
from torch import Tensor

from amc.data.resident import ResidentImages
from amc.data.streamed import StreamedImages
from amc.utils.progress_bar import progress_bar

DECODE_BATCH = 64


class LazyImages:
    """Reads nothing until its images are needed; then keeps them in memory if they fit.

    Args:
        streamed: where the images come from.
        memory_limit_bytes: what the inputs may take; larger ones are streamed in every pass.
        title: what the progress bar says, on standard error if that is a terminal; None for no bar.
    """

    def __init__(self, streamed: StreamedImages, memory_limit_bytes: int, title: str | None) -> None:
        self._streamed = streamed
        self._memory_limit_bytes = memory_limit_bytes
        self._title = title

    @cached_property
    def loaded(self) -> ResidentImages | StreamedImages:
        """The images themselves, read into memory if they fit.

        Raises:
            UserError: an image can't be read.
        """
        if self._streamed.input_bytes > self._memory_limit_bytes:
            return self._streamed
        return _read_all(self._streamed, self._title)

    def __len__(self) -> int:
        return len(self._streamed)

    def batches(self, size: int, shuffle_seed: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """One pass, as `amc.data.images.Images.batches`; the first one reads."""
        return self.loaded.batches(size, shuffle_seed)

    def take(self, count: int, seed: int) -> "LazyImages | ResidentImages":
        """Some of the images, as `amc.data.images.Images.take`; reads nothing."""
        if "loaded" in self.__dict__ and isinstance(self.loaded, ResidentImages):
            return self.loaded.take(count, seed)
        return LazyImages(self._streamed.take(count, seed), self._memory_limit_bytes, self._title)

    def example(self, count: int = 2) -> Tensor:
        """The first inputs [count, C, H, W]; reads these alone."""
        return self._streamed.example(count)


def _read_all(images: StreamedImages, title: str | None) -> ResidentImages:
    inputs: Tensor | None = None
    targets = torch.empty(len(images), dtype=torch.int64)
    done = 0
    with progress_bar(title or "", len(images), quiet=title is None) as bar:
        for batch, batch_targets in images.batches(DECODE_BATCH):
            if inputs is None:
                shape = (len(images), *batch.shape[1:])
                layout = torch.channels_last if batch.ndim == 4 else torch.contiguous_format  # what networks run on
                inputs = torch.empty(shape, dtype=batch.dtype, memory_format=layout)
            inputs[done : done + len(batch)] = batch
            targets[done : done + len(batch)] = batch_targets
            done += len(batch)
            bar.update(done)
    assert inputs is not None  # a split has images
    return ResidentImages(inputs, targets)
