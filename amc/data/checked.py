"""Broken image files are found before anything is computed."""

from pathlib import Path

from amc.data.headers import check_images
from amc.data.image_files import FileDataset
from amc.data.sources import Sources
from amc.data.splits import Partition

MANY = 100_000
"""Training images beyond which only those for calibration are opened: a search reads no others."""


def check_files(sources: Sources, parts: Partition, progress: bool) -> None:
    """Open the image files of all splits; those for training alone only where they are not too many.

    Args:
        sources: the data; what is no image file is passed over.
        parts: which images make which split.
        progress: whether a bar is shown on standard error.

    Raises:
        UserError: some can't be read.
    """
    train = parts.train if len(parts.train.indices) <= MANY else parts.calibration
    paths: list[Path] = []
    for part in (parts.reward, parts.test, train):
        source = sources.parts[part.source]
        if isinstance(source, FileDataset):
            paths += [source.paths[index] for index in part.indices]
    check_images(paths, "opening image files" if progress else None)
