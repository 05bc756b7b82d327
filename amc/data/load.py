"""Data, found by the words that a user gives for it, and its splits."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from amc.data.broken_files import check_files
from amc.data.cifar10 import cifar10
from amc.data.class_order import CLASS_ORDERS
from amc.data.dataset import Selection
from amc.data.digits import digits
from amc.data.image_folder import image_folder
from amc.data.images import Images
from amc.data.lazy import LazyImages
from amc.data.preprocess import Preprocess
from amc.data.sampling import Labels
from amc.data.splits import SplitSizes, Subset, partition
from amc.data.streamed import StreamedImages
from amc.data.unsplit_data import Source, UnsplitData
from amc.data.user_data import UserDataset, user_data
from amc.data.user_loader import LoaderImages
from amc.utils.errors import UserError
from amc.utils.registry import look_up
from amc.utils.text import did_you_mean
from amc.utils.user_file import FORM, is_user_function

DATA: dict[str, Callable[[Preprocess | None], UnsplitData]] = {"digits": digits, "cifar10": cifar10}
"""Functions that return data, by the name that a user gives."""
IMAGE_FOLDER = "imagefolder:"
MEMORY_LIMIT_BYTES = 4_000_000_000
"""Bytes that a split's inputs may take in memory; larger splits are read anew in every pass."""


@dataclass(frozen=True)
class Splits:
    """The images of one run, by what they may be used for.

    Attributes:
        train: Images to train on; nothing is read until they are used.
        calibration: Some images of `train`, for statistics and least squares.
        reward: Images on which a search may score networks; none of them is in `train`.
        test: Images for the final score alone; nothing is read until they are used.
        class_names: Names of the classes by target; None if unknown.
        reward_from_train: Whether the reward images were taken out of the training images, since the data has no val
            split: a network that was trained on them flatters itself.
        notes: Lines about the data for the user, such as files that were passed over.
    """

    train: Images
    calibration: Images
    reward: Images
    test: Images
    class_names: tuple[str, ...] | None
    reward_from_train: bool
    notes: tuple[str, ...] = ()
    source: str = ""


def load_data(
    spec: str,
    preprocess: Preprocess | None = None,
    sizes: SplitSizes = SplitSizes(),
    seed: int = 0,
    progress: bool = False,
    memory_limit_bytes: int = MEMORY_LIMIT_BYTES,
    class_order: str = "name",
) -> Splits:
    """Find the data, make its splits and read the calibration and reward images.

    Image files of the other splits are opened too, so that broken ones are found now (`amc.data.broken_files`).

    Args:
        spec: `digits`, `cifar10`, `imagefolder:PATH`, or `path/to/file.py:function` (`amc.data.user_data`).
        preprocess: How images become inputs; None for the data's own way, which an image folder lacks. A user's
            function does it itself.
        sizes: How many images each split shall have.
        seed: Seed of the random splits.
        progress: Whether bars are shown on standard error while images are read.
        memory_limit_bytes: Bytes that a split's inputs may take in memory; larger splits are read anew in every pass.
        class_order: How the folders of an image folder's classes are numbered: `name` for alphabetical order, `number`
            for the order of the numbers in their names.

    Raises:
        UserError: The data is unknown, can't be found or read, or can't be split.
    """
    unsplit = _find(spec, preprocess, class_order)
    parts = partition({name: _labels(source) for name, source in unsplit.sources.items()}, sizes, seed)
    check_files(unsplit, parts, progress)

    def images(name: str, part: Subset) -> LazyImages | LoaderImages:
        title = f"reading {name} images" if progress else None
        return _images(unsplit.sources[part.source], part, memory_limit_bytes, title)

    return Splits(
        train=images("training", parts.train),
        calibration=_read(images("calibration", parts.calibration)),
        reward=_read(images("reward", parts.reward)),
        test=images("test", parts.test),
        class_names=unsplit.class_names,
        reward_from_train=parts.reward_from_train,
        notes=unsplit.notes,
        source=spec,
    )


def _find(spec: str, preprocess: Preprocess | None, class_order: str) -> UnsplitData:
    look_up("class order", class_order, CLASS_ORDERS)
    if spec.startswith(IMAGE_FOLDER):
        return image_folder(_folder(spec.removeprefix(IMAGE_FOLDER)), preprocess, class_order)
    if class_order != "name":
        raise UserError(f"--class-order {class_order} is for image folders, got data {spec!r}; give --class-order name")
    if is_user_function(spec):
        return user_data(spec)
    if spec in DATA:
        return DATA[spec](preprocess)
    meant = f"did you mean {IMAGE_FOLDER}{spec}?" if spec and Path(spec).is_dir() else did_you_mean(spec, DATA)
    raise UserError(f"expected {', '.join(DATA)}, {IMAGE_FOLDER}PATH or {FORM} as data, got {spec!r}; {meant}")


def _folder(path: str) -> Path:
    """Return the folder at `path`, where `~` is the user's home."""
    if not path:
        raise UserError(f"expected a folder behind {IMAGE_FOLDER}, got none; {IMAGE_FOLDER}. is the one you are in")
    try:
        return Path(path).expanduser()
    except RuntimeError as error:  # ~somebody
        raise UserError(f"the folder {path!r} can't be found: {error}") from error


def _labels(source: Source) -> Labels:
    if isinstance(source, LoaderImages):
        return np.zeros(len(source), dtype=np.int64)
    return source.labels


def _images(source: Source, part: Subset, memory_limit_bytes: int, title: str | None) -> LazyImages | LoaderImages:
    if isinstance(source, LoaderImages):
        return source if len(part.indices) == len(source) else source.select(part.indices)
    one_process = isinstance(source, UserDataset) and source.dataset.fault is not None
    return LazyImages(StreamedImages(Selection(source, part.indices), one_process), memory_limit_bytes, title)


def _read(images: LazyImages | LoaderImages) -> Images:
    return images.loaded if isinstance(images, LazyImages) else images
