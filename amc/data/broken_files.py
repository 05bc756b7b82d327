"""The check, before anything is computed, that no image file is broken."""

from pathlib import Path
from typing import NamedTuple

from amc.data.coco import CocoDataset
from amc.data.image_check import check_images
from amc.data.image_files import FileDataset
from amc.data.mask_folder import MaskDataset
from amc.data.splits import Partition, Subset
from amc.data.unsplit_data import Source, UnsplitData

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
    files = [_files(unsplit.sources[part.source], part) for part in (parts.reward, parts.test, train)]
    masks = [path for part in files for path in part.masks]
    paths = [path for part in files for path in part.images] + masks
    title = "opening image files" if progress else None
    check_images(paths, title, frozenset(masks), read_last={*files[1].images, *files[1].masks})


class _Files(NamedTuple):
    images: list[Path]
    masks: list[Path]


def _files(source: Source, part: Subset) -> _Files:
    """The files of some images of a source; none where it has no image files."""
    images = source.paths if isinstance(source, FileDataset | MaskDataset | CocoDataset) else ()
    masks = source.masks if isinstance(source, MaskDataset) else ()
    return _Files(*([each[index] for index in part.indices] if each else [] for each in (images, masks)))
