"""The check, before anything is computed, that no image file is broken."""

from pathlib import Path

from amc.data.coco import CocoDataset
from amc.data.image_check import check_images
from amc.data.image_files import FileDataset
from amc.data.mask_folder import MaskDataset
from amc.data.splits import Partition
from amc.data.unsplit_data import UnsplitData

MANY = 100_000
"""Training images beyond which only those for calibration are opened: a search reads no others."""


def check_files(unsplit: UnsplitData, parts: Partition, progress: bool) -> None:
    """Open the image files of all splits; those that only training reads just where they are not too many.

    Args:
        unsplit: The data; sources of anything but image files are passed over.
        parts: Which images make which split.
        progress: Whether a bar is shown on standard error.

    Raises:
        UserError: Some files can't be read.
    """
    train = parts.train if len(parts.train.indices) <= MANY else parts.calibration
    paths: list[Path] = []
    masks: list[Path] = []
    for part in (parts.reward, parts.test, train):
        source = unsplit.sources[part.source]
        if isinstance(source, FileDataset | MaskDataset | CocoDataset):
            paths += [source.paths[index] for index in part.indices]
        if isinstance(source, MaskDataset):
            masks += [source.masks[index] for index in part.indices]
    check_images([*paths, *masks], "opening image files" if progress else None, frozenset(masks))
