"""Image files in folders: PATH/train/<class>/*, and val/, test/ or both alike."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from amc.data.preprocess import Preprocess
from amc.data.sampling import Labels
from amc.data.sources import Sources
from amc.errors import UserError
from amc.text import one_line, shortened

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


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
            raise UserError(
                f"{path} can't be read as an image: {one_line(error)}; repair or remove the file"
            ) from error


def image_folder(root: Path, preprocess: Preprocess | None) -> Sources:
    """Find the images; classes are the folders' names in sorted order. No image is read.

    Raises:
        UserError: how images become inputs is unknown, a folder is missing or without images, or
            the splits have different classes.
    """
    if preprocess is None:
        raise UserError(
            "how images become inputs is unknown for this network; give --image-size,"
            " and --mean and --std if they are not ImageNet's"
        )
    if not (root / "train").is_dir():
        raise UserError(f"expected a folder of images at {root / 'train'}, there is none")
    names = [name for name in ("train", "val", "test") if (root / name).is_dir()]
    if names == ["train"]:
        raise UserError(f"expected a folder val or test beside train in {root}, there is neither")
    classes = _classes(root / "train")
    for name in names[1:]:
        _check_same_classes(root, name, classes)
    return Sources({name: _dataset(root / name, classes, preprocess) for name in names}, classes)


def _classes(folder: Path) -> tuple[str, ...]:
    names = tuple(sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")))
    if not names:
        raise UserError(f"expected one folder for each class in {folder}, there is none")
    return names


def _check_same_classes(root: Path, name: str, expected: tuple[str, ...]) -> None:
    found = _classes(root / name)
    lacking = [entry for entry in expected if entry not in found]
    added = [entry for entry in found if entry not in expected]
    if lacking or added:
        faults = [f"lacks {shortened(lacking)}"] * bool(lacking) + [f"adds {shortened(added)}"] * bool(added)
        raise UserError(f"expected the classes of {root / 'train'} in {root / name}, which {' and '.join(faults)}")


def _dataset(folder: Path, classes: tuple[str, ...], preprocess: Preprocess) -> FileDataset:
    paths: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        found = sorted(path for path in (folder / name).rglob("*") if path.suffix.lower() in SUFFIXES)
        if not found:
            raise UserError(f"expected images in {folder / name}, there are none that end in {', '.join(SUFFIXES)}")
        paths += found
        labels += [label] * len(found)
    return FileDataset(tuple(paths), np.asarray(labels, dtype=np.int64), preprocess)
