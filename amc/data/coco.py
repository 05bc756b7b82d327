"""Images with boxes, in a folder beside a file of annotations in the format of COCO."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from amc.data.image_check import unreadable, why
from amc.data.preprocess import Preprocess, check_known
from amc.data.sampling import Labels
from amc.data.splits import UNDIVIDED
from amc.data.unsplit_data import UnsplitData
from amc.utils.errors import UserError
from amc.utils.text import counted, one_line

LEAST_SIDE = 1.0
"""The width and height in pixels of the input below which a box is left out."""
SPLITS = ("train", "val", "test")


class CocoImage(msgspec.Struct, frozen=True):
    """An image of a file of annotations."""

    id: int
    file_name: str


class CocoAnnotation(msgspec.Struct, frozen=True):
    """An object in an image: left, top, width and height of its box in pixels, and the number of its category."""

    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    iscrowd: int = 0


class CocoCategory(msgspec.Struct, frozen=True):
    """A class of objects."""

    id: int
    name: str


class CocoFile(msgspec.Struct, frozen=True):
    """What is read of a file of annotations."""

    images: tuple[CocoImage, ...]
    annotations: tuple[CocoAnnotation, ...]
    categories: tuple[CocoCategory, ...] = ()


@dataclass(frozen=True)
class CocoDataset:
    """Image files with the boxes that are in them.

    Attributes:
        folder: The folder of the images.
        images: Their names and numbers.
        objects: The annotations of each image, by its number.
        preprocess: How an image becomes an input; boxes are scaled and cut alike.
    """

    folder: Path
    images: tuple[CocoImage, ...]
    objects: Mapping[int, Sequence[CocoAnnotation]]
    preprocess: Preprocess

    @cached_property
    def paths(self) -> tuple[Path, ...]:
        """The file of each image."""
        return tuple(self.folder / each.file_name for each in self.images)

    @cached_property
    def labels(self) -> Labels:
        """All zero [N]: images have no class."""
        return np.zeros(len(self.images), dtype=np.int64)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the input of one image, float32 [C, H, W], and what is in it, as torchvision's detectors take it.

        That is `boxes`, float32 [k, 4] by corners in pixels of the input, `labels`, int64 [k], the numbers of their
        categories, and `iscrowd`, int64 [k], 1 for a box around many objects.

        Raises:
            UserError: The file is no image, or is damaged.
        """
        from torchvision.transforms.v2 import functional as F
        from torchvision.tv_tensors import BoundingBoxes

        image = self.images[index]
        path = self.paths[index]
        try:
            with Image.open(path) as opened:
                inputs, size = self.preprocess(opened), (opened.height, opened.width)
        except Exception as error:  # a damaged file may raise anything
            raise unreadable(path, why(error)) from error
        objects = self.objects.get(image.id, ())
        given = torch.tensor([each.bbox for each in objects], dtype=torch.float32).reshape(-1, 4)
        boxes = F.convert_bounding_box_format(BoundingBoxes(given, format="XYWH", canvas_size=size), new_format="XYXY")
        placed, kept = F.sanitize_bounding_boxes(
            F.clamp_bounding_boxes(self.preprocess.place(boxes)), min_size=LEAST_SIDE
        )
        numbers = [[each.category_id, each.iscrowd] for each in objects]
        labels, crowds = torch.tensor(numbers, dtype=torch.int64).reshape(-1, 2)[kept].unbind(1)
        return inputs, {"boxes": placed.as_subclass(Tensor), "labels": labels, "iscrowd": crowds}


def coco(pairs: Sequence[tuple[Path, Path]], preprocess: Preprocess | None) -> UnsplitData:
    """Find images and the boxes in them; no image is read.

    Args:
        pairs: A folder of images and its file of annotations: one pair, which is divided at random, or those of train,
            val and test in this order; test may be missing.
        preprocess: How an image becomes an input.

    Raises:
        UserError: How images become inputs is unknown, a file can't be read, or an image is missing.
    """
    how = check_known(preprocess)
    names = (UNDIVIDED,) if len(pairs) == 1 else SPLITS
    files = [_read(annotations) for _, annotations in pairs]
    parts = {name: _dataset(folder, file, how) for name, (folder, _), file in zip(names, pairs, files, strict=False)}
    return UnsplitData(dict(parts), None, is_labelled=False)


def _read(path: Path) -> CocoFile:
    try:
        return msgspec.json.decode(path.read_bytes(), type=CocoFile)
    except OSError as error:
        raise UserError(f"expected a file of annotations at {path}: {error.strerror}; check the path") from error
    except msgspec.MsgspecError as error:
        raise UserError(f"expected annotations of boxes as COCO has them in {path}: {one_line(error)}") from error


def _dataset(folder: Path, file: CocoFile, how: Preprocess) -> CocoDataset:
    if not file.images:
        raise UserError(f"expected images in the annotations of {folder}, there are none")
    missing = [image.file_name for image in file.images if not (folder / image.file_name).is_file()]
    if missing:
        raise UserError(
            f"expected the images of the annotations in {folder}, {counted(len(missing), 'file')} of"
            f" {len(file.images):,} can't be found, such as {missing[0]}; check the folder"
        )
    objects: dict[int, list[CocoAnnotation]] = defaultdict(list)
    for each in file.annotations:
        objects[each.image_id].append(each)
    return CocoDataset(folder, file.images, dict(objects), how)
