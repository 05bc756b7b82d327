"""Images that are files."""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from torch import Tensor

from amc.data.image_headers import unreadable, why
from amc.data.preprocess import Preprocess
from amc.data.sampling import Labels


@dataclass(frozen=True)
class FileDataset:
    """Image files.

    Attributes:
        paths: one file for each image.
        labels: the class of each image [N].
        preprocess: how an image becomes an input.
    """

    paths: tuple[Path, ...]
    labels: Labels
    preprocess: Preprocess

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """As `LabelledDataset`.

        Raises:
            UserError: the file is no image, or is damaged.
        """
        path = self.paths[index]
        try:
            with Image.open(path) as image:
                return self.preprocess(image), int(self.labels[index])
        except Exception as error:  # a damaged file may raise anything
            raise unreadable(path, why(error)) from error
