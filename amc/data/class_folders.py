"""The folders of a split's classes, and the image files in them."""

import os
from collections import Counter
from pathlib import Path

from amc.data.ignored_files import is_ignored
from amc.data.split_folders import folders_in
from amc.utils.errors import UserError

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
"""Suffixes of image files in lower case; those of the files may be in upper case."""


def class_names(split: Path, skipped: Counter[str]) -> tuple[str, ...]:
    """Return the names of the folders in the folder of a split; files beside them are counted in `skipped`.

    Raises:
        UserError: There is no class folder in the split.
    """
    names = tuple(folder.name for folder in folders_in(split))
    stray: Counter[str] = Counter()
    for entry in split.iterdir():
        if entry.is_file() and not is_ignored(entry.name):
            stray[kind_of_file(entry.name) + " outside the folders of classes" * is_image(entry.name)] += 1
    if not names:
        beside = f", but {listed(stray)}; move the images of each class into a folder of its own" if stray else ""
        raise UserError(f"expected one folder for each class in {split}, there is none{beside}")
    skipped.update(stray)
    return names


def images_of_class(folder: Path, skipped: Counter[str]) -> list[Path]:
    """Return all image files of a class, in deeper folders too, sorted; other files are counted in `skipped`.

    Links to folders are followed, each folder once.

    Raises:
        UserError: There is no image file, or a folder can't be read.
    """
    found: list[Path] = []
    others: Counter[str] = Counter()
    visited: set[str] = set()
    for place, folders, files in os.walk(folder, onerror=_refuse, followlinks=True):
        real = os.path.realpath(place)
        folders[:] = [] if real in visited else sorted(name for name in folders if not is_ignored(name))
        if real in visited:
            continue
        visited.add(real)
        for name in files:
            if is_ignored(name):
                continue
            if is_image(name):
                found.append(Path(place, name))
            else:
                others[kind_of_file(name)] += 1
    if not found:
        but = f", but {listed(others)}" if others else "; add some, or remove the folder in every split"
        raise UserError(f"expected images in {folder}, there are none that end in {', '.join(SUFFIXES)}{but}")
    skipped.update(others)
    return sorted(found)


def skipped_files_notes(skipped: Counter[str]) -> list[str]:
    """Return one line for the user about all files that were passed over, or no line if there are none."""
    count = skipped.total()
    if not count:
        return []
    return [f"note: {count:,} {'file is' if count == 1 else 'files are'} passed over: {listed(skipped)}"]


def is_image(name: str) -> bool:
    """Return whether a file of that name is an image by its suffix."""
    return Path(name).suffix.lower() in SUFFIXES


def kind_of_file(name: str) -> str:
    """Return the suffix of a file, or words for none."""
    return Path(name).suffix.lower() or "without a suffix"


def listed(kinds: Counter[str]) -> str:
    """Return how many files there are of each kind, in words."""
    return ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items(), key=lambda each: (-each[1], each[0])))


def _refuse(error: OSError) -> None:
    raise UserError(f"{error.filename} can't be read: {error.strerror}; check its permissions") from error
