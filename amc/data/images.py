"""The interface of every split of the data, wherever its images are stored."""

from collections.abc import Iterator
from typing import Any, Protocol

from amc.data.sampling import Indices


class Images(Protocol):
    """Images with their targets, read in batches as often as one likes.

    Inputs are normalised float32 [B, C, H, W], targets int64 [B] where they are classes, else as `amc.data.targets`
    says; a user's `DataLoader` may have other inputs, several of them, and other targets (`amc.data.user_loader`).
    """

    def __len__(self) -> int:
        """Return the number of images."""
        ...

    def batches(self, size: int, shuffle_seed: int | None = None) -> Iterator[tuple[Any, Any]]:
        """Yield one pass over all images, `size` at a time; the last batch may be smaller.

        The order is the stored one, or a random one that follows from `shuffle_seed`.

        Raises:
            UserError: An image can't be read.
        """
        ...

    def take(self, count: int, seed: int) -> "Images":
        """Return `count` of the images, drawn by `amc.data.sampling.stratified`.

        Raises:
            UserError: There are fewer than `count`.
        """
        ...

    def at(self, places: Indices) -> "Images":
        """Return the images at `places`, in that order."""
        ...

    def example(self, count: int = 2) -> Any:
        """Return the inputs of the first `count` images, without reading the others."""
        ...
