"""Images with a mask each, in two folders that lie beside each other: PATH/train/images/* and PATH/train/masks/*."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from amc.data.class_folders import SUFFIXES, is_image, kind_of_file, skipped_files_notes
from amc.data.ignored_files import is_ignored
from amc.data.image_check import unreadable, why
from amc.data.preprocess import Preprocess, check_known
from amc.data.sampling import Labels
from amc.data.split_folders import find_splits
from amc.data.splits import UNDIVIDED
from amc.data.unsplit_data import UnsplitData
from amc.utils.errors import UserError
from amc.utils.text import counted, shortened

IMAGES, MASKS = "images", "masks"
"""The folders of a split."""
IGNORED = 255
"""The number of a pixel that belongs to no class and does not count."""


@dataclass(frozen=True)
class MaskDataset:
    """Image files with the file of a mask each, whose pixels are class numbers.

    Attributes:
        paths: The file of each image.
        masks: The file of each mask, of one channel or a palette.
        preprocess: How an image becomes an input; masks are resized and cropped alike.
    """

    paths: tuple[Path, ...]
    masks: tuple[Path, ...]
    preprocess: Preprocess

    @cached_property
    def labels(self) -> Labels:
        """All zero [N]: images have no class."""
        return np.zeros(len(self.paths), dtype=np.int64)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return the input of one image, float32 [C, H, W], and its mask, int64 [H, W].

        Raises:
            UserError: A file is no image, or is damaged, or the two differ in size.
        """
        from torchvision.tv_tensors import Mask

        path = self.paths[index]
        try:
            with Image.open(path) as image:
                inputs, size = self.preprocess(image), image.size
            path = self.masks[index]
            with Image.open(path) as stored:
                classes = torch.from_numpy(np.array(stored).astype(np.int64))
        except Exception as error:  # a damaged file may raise anything
            raise unreadable(path, why(error)) from error
        if classes.shape != size[::-1]:
            height, width, *colours = classes.shape
            raise UserError(
                f"expected one number for each pixel of {self.paths[index]} ({size[0]}x{size[1]}) in {path}, got"
                f" {width}x{height}{f' of {colours[0]} colours' if colours else ''}; save masks as grey images or with"
                " a palette"
            )
        return inputs, self.preprocess.place(Mask(classes)).as_subclass(Tensor)


def mask_folder(root: Path, preprocess: Preprocess | None) -> UnsplitData:
    """Find images and their masks; none is read.

    Either `root` has `train`, and `val`, `test` or both, each with the folders `images` and `masks`; or it has these
    itself, and what is in them is divided at random. A mask has the name of its image, with any suffix.

    Raises:
        UserError: How images become inputs is unknown, a folder is missing or without images, a mask is missing, or two
            files differ in their suffix alone.
    """
    how = check_known(preprocess)
    skipped: Counter[str] = Counter()
    if (root / IMAGES).is_dir():
        return UnsplitData(
            {UNDIVIDED: _pairs(root, how, skipped)}, None, tuple(skipped_files_notes(skipped)), is_labelled=False
        )
    folders, notes = find_splits(root)
    parts = {split: _pairs(folder, how, skipped) for split, folder in folders.items()}
    return UnsplitData(dict(parts), None, (*notes, *skipped_files_notes(skipped)), is_labelled=False)


def _pairs(folder: Path, how: Preprocess, skipped: Counter[str]) -> MaskDataset:
    images, masks = (_files(folder / name, skipped) for name in (IMAGES, MASKS))
    lacking = [images[stem].name for stem in images if stem not in masks]
    if lacking:
        raise UserError(
            f"expected a mask in {folder / MASKS} for each image in {folder / IMAGES}, by the same name, there is none"
            f" for {counted(len(lacking), 'image')}: {shortened(lacking, 3)}"
        )
    return MaskDataset(tuple(images.values()), tuple(masks[stem] for stem in images), how)


def _files(folder: Path, skipped: Counter[str]) -> dict[str, Path]:
    """The image files in a folder by name without suffix, sorted; other files are counted in `skipped`."""
    try:
        entries = sorted(entry for entry in folder.iterdir() if not is_ignored(entry.name))
    except OSError as error:
        raise UserError(f"expected a folder of image files at {folder}: {error.strerror}") from error
    skipped.update(kind_of_file(entry.name) for entry in entries if not is_image(entry.name))
    images = [entry for entry in entries if is_image(entry.name)]
    if not images:
        raise UserError(f"expected images in {folder}, there are none that end in {', '.join(SUFFIXES)}")
    for one, other in itertools.pairwise(sorted(images, key=lambda entry: entry.stem)):
        if one.stem == other.stem:
            raise UserError(
                f"expected one file of each name in {folder}, got {one.name} and {other.name}; rename or remove one"
            )
    return {entry.stem: entry for entry in images}
