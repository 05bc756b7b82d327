"""A dataset of image files."""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from torch import Tensor

from amc.data.image_check import unreadable, why
from amc.data.preprocess import Preprocess
from amc.data.sampling import Labels


@dataclass(frozen=True)
class FileDataset:
    """Image files with their classes, each decoded when it is asked for.

    Attributes:
        paths: One file for each image.
        labels: The class of each image [N].
        preprocess: How an image becomes an input.
    """

    paths: tuple[Path, ...]
    labels: Labels
    preprocess: Preprocess

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return the input of one image, float32 [C, H, W], and its class.

        Raises:
            UserError: The file is no image, or is damaged.
        """
        path = self.paths[index]
        try:
            with Image.open(path) as image:
                return self.preprocess(image), int(self.labels[index])
        except Exception as error:  # a damaged file may raise anything
            raise unreadable(path, why(error)) from error
