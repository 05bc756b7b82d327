"""Datasets whose images are read one by one."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch import Tensor

from amc.data.preprocess import Preprocess
from amc.data.sampling import Indices, Labels
from amc.data.targets import Target


class LabelledDataset(Protocol):
    """A map-style dataset whose classes are known without reading an image."""

    @property
    def labels(self) -> Labels:
        """The class of each image [N]; all zero where images have none."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> tuple[Tensor, Target]:
        """Return the input of one image, float32 [C, H, W], and its target."""
        ...


@dataclass(frozen=True)
class Selection:
    """Some images of a dataset, in the order of `indices` [n]."""

    dataset: LabelledDataset
    indices: Indices

    @property
    def labels(self) -> Labels:
        """The class of each selected image [n]."""
        return self.dataset.labels[self.indices]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> tuple[Tensor, Target]:
        return self.dataset[int(self.indices[index])]


@dataclass(frozen=True)
class PixelDataset:
    """Images that are in memory as bytes.

    Attributes:
        pixels: Grey [N, H, W] or RGB [N, H, W, 3], 8 bits.
        labels: The class of each image [N].
        preprocess: How pixels become an input.
    """

    pixels: npt.NDArray[np.uint8]
    labels: Labels
    preprocess: Preprocess

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.preprocess(Image.fromarray(self.pixels[index])), int(self.labels[index])
