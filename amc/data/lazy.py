"""Images that are read when they are first asked for."""

from collections.abc import Iterator
from functools import cached_property

import torch
from torch import Tensor

from amc.data.resident import ResidentImages
from amc.data.sampling import Indices
from amc.data.streamed import StreamedImages
from amc.data.targets import Targets, join_targets
from amc.utils.progress_bar import progress_bar

DECODE_BATCH = 64
"""Images that are decoded at a time."""


class LazyImages:
    """Images of which nothing is read until they are needed; then they stay in memory if they fit.

    Args:
        streamed: Where the images come from.
        memory_limit_bytes: Bytes that the inputs may take; larger ones are streamed in every pass.
        title: Text of the progress bar on standard error; None for no bar.
    """

    def __init__(self, streamed: StreamedImages, memory_limit_bytes: int, title: str | None) -> None:
        self._streamed = streamed
        self._memory_limit_bytes = memory_limit_bytes
        self._title = title

    @cached_property
    def loaded(self) -> ResidentImages | StreamedImages:
        """The images themselves, read into memory if they fit.

        Raises:
            UserError: An image can't be read.
        """
        if self._streamed.input_bytes > self._memory_limit_bytes:
            return self._streamed
        return _read_all(self._streamed, self._title)

    def __repr__(self) -> str:
        return f"<LazyImages: {len(self):,}, {'read' if 'loaded' in vars(self) else 'not read yet'}>"

    def __len__(self) -> int:
        return len(self._streamed)

    def batches(self, size: int, shuffle_seed: int | None = None) -> Iterator[tuple[Tensor, Targets]]:
        """Yield one pass over all images in batches of `size`, shuffled if a seed is given; the first one reads."""
        return self.loaded.batches(size, shuffle_seed)

    def take(self, count: int, seed: int) -> "LazyImages | ResidentImages":
        """Return `count` of the images, drawn by `amc.data.sampling.stratified`, without reading any."""
        if "loaded" in self.__dict__ and isinstance(self.loaded, ResidentImages):
            return self.loaded.take(count, seed)
        return LazyImages(self._streamed.take(count, seed), self._memory_limit_bytes, self._title)

    def at(self, places: Indices) -> "LazyImages | ResidentImages":
        """Return the images at `places`, in that order, without reading any."""
        if "loaded" in self.__dict__ and isinstance(self.loaded, ResidentImages):
            return self.loaded.at(places)
        return LazyImages(self._streamed.at(places), self._memory_limit_bytes, self._title)

    def example(self, count: int = 2) -> Tensor:
        """Return the first inputs [count, C, H, W]; no others are read."""
        return self._streamed.example(count)


@torch.inference_mode(False)  # what is read while a network is scored may be trained on later
def _read_all(images: StreamedImages, title: str | None) -> ResidentImages:
    inputs: Tensor | None = None
    parts: list[Targets] = []
    done = 0
    with progress_bar(title or "", len(images), quiet=title is None) as bar:
        for batch, batch_targets in images.batches(DECODE_BATCH):
            if inputs is None:
                shape = (len(images), *batch.shape[1:])
                layout = torch.channels_last if batch.ndim == 4 else torch.contiguous_format  # what networks run on
                inputs = torch.empty(shape, dtype=batch.dtype, memory_format=layout)
            inputs[done : done + len(batch)] = batch
            parts.append(batch_targets)
            done += len(batch)
            bar.update(done)
    assert inputs is not None  # a split has images
    return ResidentImages(inputs, join_targets(parts))
