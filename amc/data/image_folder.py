"""Image files in folders: PATH/train/<class>/*, and val/, test/ or both alike."""

from collections import Counter
from pathlib import Path

import numpy as np

from amc.data.class_folders import class_names, images_of_class, skipped_files_notes
from amc.data.class_order import in_order
from amc.data.image_files import FileDataset
from amc.data.preprocess import Preprocess, check_known
from amc.data.split_folders import find_splits
from amc.data.unsplit_data import UnsplitData
from amc.utils.errors import UserError
from amc.utils.text import shortened


def image_folder(root: Path, preprocess: Preprocess | None, class_order: str = "name") -> UnsplitData:
    """Find the images of a folder; no image is read. Classes are the folders' names in the order of `class_order`.

    Args:
        root: The folder.
        preprocess: How an image becomes an input.
        class_order: A name in `amc.data.class_order.CLASS_ORDERS`.

    Raises:
        UserError: How images become inputs is unknown, a folder is missing or without images, or the splits have
            different classes.
    """
    preprocess = check_known(preprocess)
    folders, notes = find_splits(root)
    skipped: Counter[str] = Counter()
    names = {split: class_names(folder, skipped) for split, folder in folders.items()}
    for split, folder in folders.items():
        _check_same_classes(names["train"], folders["train"], names[split], folder)
    classes, warning = in_order(names["train"], class_order)
    parts = {split: _dataset(folder, classes, preprocess, skipped) for split, folder in folders.items()}
    warnings = [warning] if warning is not None else []
    return UnsplitData(dict(parts), classes, (*notes, *warnings, *skipped_files_notes(skipped)))


def _check_same_classes(expected: tuple[str, ...], train: Path, found: tuple[str, ...], folder: Path) -> None:
    lacking = [name for name in expected if name not in found]
    added = [name for name in found if name not in expected]
    if lacking or added:
        faults = [f"lacks {shortened(lacking)}"] * bool(lacking) + [f"adds {shortened(added)}"] * bool(added)
        raise UserError(
            f"expected the classes of {train} in {folder}, which {' and '.join(faults)};"
            " give every split a folder of each class"
        )


def _dataset(folder: Path, classes: tuple[str, ...], preprocess: Preprocess, skipped: Counter[str]) -> FileDataset:
    paths: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        found = images_of_class(folder / name, skipped)
        paths += found
        labels += [label] * len(found)
    return FileDataset(tuple(paths), np.asarray(labels, dtype=np.int64), preprocess)
