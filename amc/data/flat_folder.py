"""Image files without labels: PATH/*, in no folders of classes."""

from collections import Counter
from pathlib import Path

import numpy as np

from amc.data.class_folders import SUFFIXES, is_image, kind_of_file, listed, skipped_files_notes
from amc.data.ignored_files import is_ignored
from amc.data.image_files import FileDataset
from amc.data.preprocess import Preprocess, check_known
from amc.data.splits import UNDIVIDED
from amc.data.unsplit_data import UnsplitData
from amc.utils.errors import UserError
from amc.utils.text import shortened


def flat_folder(root: Path, preprocess: Preprocess | None) -> UnsplitData:
    """Find the images that lie in a folder, sorted by name; no image is read, and no folder in it is looked into.

    Args:
        root: The folder.
        preprocess: How an image becomes an input.

    Raises:
        UserError: How images become inputs is unknown, the folder is missing or can't be read, or no image is in it.
    """
    how = check_known(preprocess)
    if not root.is_dir():
        raise UserError(
            f"expected a folder of images at {root}, "
            + ("got a file; unpack it and give the folder" if root.is_file() else "there is none; check the path")
        )
    try:
        entries = sorted(entry for entry in root.iterdir() if not is_ignored(entry.name))
    except OSError as error:
        raise UserError(f"{root} can't be read: {error.strerror}; check its permissions") from error
    folders = [entry.name for entry in entries if entry.is_dir()]
    files = [entry for entry in entries if not entry.is_dir()]
    paths = tuple(entry for entry in files if is_image(entry.name))
    others = Counter(kind_of_file(entry.name) for entry in files if not is_image(entry.name))
    if not paths:
        beside = [f"but {listed(others)}"] * bool(others) + [
            f"folders in it are not read ({shortened(folders, 3)})"
        ] * bool(folders)
        more = "".join(f"; {each}" for each in beside)
        raise UserError(f"expected images in {root}, there are none that end in {', '.join(SUFFIXES)}{more}")
    notes = [f"note: folders in {root} are not read: {shortened(folders, 3)}"] * bool(folders)
    images = FileDataset(paths, np.zeros(len(paths), dtype=np.int64), how)
    return UnsplitData({UNDIVIDED: images}, None, (*notes, *skipped_files_notes(others)), is_labelled=False)
