"""CIFAR-10 (Krizhevsky 2009), downloaded by torchvision."""

import os
import tarfile
from http.client import HTTPException
from pathlib import Path

import numpy as np

from amc.data.dataset import PixelDataset
from amc.data.preprocess import CIFAR, Preprocess
from amc.data.unsplit_data import UnsplitData
from amc.utils.errors import UserError
from amc.utils.text import one_line


def cifar10(preprocess: Preprocess | None) -> UnsplitData:
    """Return 50,000 images to train and 10,000 to test, kept in the user's cache folder.

    torchvision compares the checksum of every file with the published one before it reads it.

    Raises:
        UserError: The download failed.
    """
    from torchvision.datasets import CIFAR10  # takes seconds, for these images alone

    folder = cache_folder() / "cifar10"
    try:
        datasets = {name: CIFAR10(folder, train=name == "train", download=True) for name in ("train", "test")}
    # no connection, no space, a damaged download, or one that breaks off
    except (OSError, RuntimeError, EOFError, tarfile.TarError, HTTPException) as error:
        raise UserError(
            f"CIFAR-10 can't be downloaded to {folder}: {one_line(error)};"
            " check the connection or give an image folder (imagefolder:PATH)"
        ) from error
    return UnsplitData(
        {
            name: PixelDataset(dataset.data, np.asarray(dataset.targets, dtype=np.int64), preprocess or CIFAR)
            for name, dataset in datasets.items()
        },
        class_names=tuple(datasets["train"].classes),
    )


def cache_folder() -> Path:
    """Return the folder of downloads: `amc` in `$XDG_CACHE_HOME`, which is `~/.cache` by default."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "amc"
