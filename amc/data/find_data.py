"""Data before it is divided, found by the words that a user gives for it, or made of the objects that a user holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from amc.data.cifar10 import cifar10
from amc.data.class_order import CLASS_ORDERS
from amc.data.coco import coco
from amc.data.digits import digits
from amc.data.flat_folder import flat_folder
from amc.data.image_folder import image_folder
from amc.data.mask_folder import mask_folder
from amc.data.preprocess import CIFAR, DIGITS, Preprocess
from amc.data.unsplit_data import UnsplitData
from amc.data.user_data import data_of_function, data_of_objects, user_data
from amc.utils.errors import UserError
from amc.utils.option_names import option
from amc.utils.registry import look_up
from amc.utils.text import did_you_mean
from amc.utils.user_file import FORM, is_user_function

Named = str | Mapping[str, Any] | Callable[[], Mapping[str, Any]]
"""Data as text, a mapping of datasets or `DataLoader`s, or a function that returns one."""
Given = Named | Path
"""Data as a user gives it: text, a folder, a mapping of datasets or `DataLoader`s, or a function that returns one."""
DATA: dict[str, Callable[[Preprocess | None], UnsplitData]] = {"digits": digits, "cifar10": cifar10}
"""Functions that return data, by the name that a user gives."""
OWN_PREPROCESS = {"digits": DIGITS, "cifar10": CIFAR}
"""How images of the data of those names become inputs where nothing else is asked for."""
IMAGE_FOLDER = "imagefolder:"
IMAGES = "images:"
"""The beginning of the text that names a flat folder of images without labels."""
MASKS = "masks:"
"""The beginning of the text that names folders of images and masks."""
COCO = "coco:"
"""The beginning of the text that names folders of images and their files of boxes."""
FOLDERS = (IMAGE_FOLDER, IMAGES, MASKS)
"""Beginnings of texts that name a folder."""
FILES = (*FOLDERS, COCO)
"""Beginnings of texts that name image files, whose preparation has to be known."""


def as_text(given: Given) -> Named:
    """The data with a path as the text that names its image folder."""
    return f"{IMAGE_FOLDER}{given}" if isinstance(given, Path) else given


def find_data(given: Named, preprocess: Preprocess | None, class_order: str) -> UnsplitData:
    """Find the data that a user gives, as `amc.data.load.load_data` takes it.

    Raises:
        UserError: The data is unknown or can't be found, or is no image folder and has another order than by name.
    """
    look_up("class order", class_order, CLASS_ORDERS)
    if isinstance(given, str) and given.startswith(IMAGE_FOLDER):
        return image_folder(_folder(given, IMAGE_FOLDER), preprocess, class_order)
    if class_order != "name":
        called = f"data {given!r}" if isinstance(given, str) else "objects"
        raise UserError(
            f"{option('class_order', class_order)} is for image folders, got {called};"
            f" give {option('class_order', 'name')}"
        )
    if not isinstance(given, str):
        return data_of_function(given) if callable(given) else data_of_objects(given, "the data given")
    if is_user_function(given):
        return user_data(given)
    if given.startswith(IMAGES):
        return flat_folder(_folder(given, IMAGES), preprocess)
    if given.startswith(MASKS):
        return mask_folder(_folder(given, MASKS), preprocess)
    if given.startswith(COCO):
        return coco(coco_pairs(given), preprocess)
    if given in DATA:
        return DATA[given](preprocess)
    meant = f"did you mean {IMAGE_FOLDER}{given}?" if given and Path(given).is_dir() else did_you_mean(given, DATA)
    forms = ", ".join([*DATA, *(f"{prefix}PATH" for prefix in FOLDERS), f"{COCO}IMAGES,ANNOTATIONS.json"])
    raise UserError(f"expected {forms} or {FORM} as data, got {given!r}; {meant}")


def coco_pairs(given: str) -> list[tuple[Path, Path]]:
    """The folders and files of annotations that are named behind `coco:`, in pairs.

    Raises:
        UserError: There are not two names, or two for each of train, val and test.
    """
    names = given.removeprefix(COCO).split(",")
    if len(names) not in (2, 4, 6) or not all(names):
        raise UserError(
            f"expected {COCO}IMAGES,ANNOTATIONS.json, or two names for each of train, val and, if there is one, test,"
            f" got {given!r}"
        )
    paths = [Path(name).expanduser() for name in names]
    return list(zip(paths[::2], paths[1::2], strict=True))


def _folder(given: str, prefix: str) -> Path:
    """Return the folder that is named behind a prefix, where `~` is the user's home."""
    path = given.removeprefix(prefix)
    if not path:
        raise UserError(f"expected a folder behind {prefix}, got none; {prefix}. is the one you are in")
    try:
        return Path(path).expanduser()
    except RuntimeError as error:  # ~somebody
        raise UserError(f"the folder {path!r} can't be found: {error}") from error
